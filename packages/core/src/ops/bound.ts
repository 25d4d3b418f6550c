import type * as Ops from './index.ts';

/** The ops that gradients of other families and the methods of `Tensor` call. */
export type BoundOps = Pick<
  typeof Ops,
  | 'add'
  | 'arange'
  | 'argmax'
  | 'broadcastTo'
  | 'cast'
  | 'concat'
  | 'div'
  | 'equal'
  | 'exp'
  | 'expandDims'
  | 'greater'
  | 'index'
  | 'log'
  | 'matmul'
  | 'max'
  | 'mean'
  | 'mul'
  | 'neg'
  | 'oneHot'
  | 'pad'
  | 'pow'
  | 'relu'
  | 'reshape'
  | 'select'
  | 'slice'
  | 'sliceOp'
  | 'sqrt'
  | 'sub'
  | 'sum'
  | 'sumTo'
  | 'transpose'
>;

/**
 * The table of them, filled in by `index.ts`. A gradient in one family is written in ops of all the others; going through
 * this table, families need not import each other in a circle. Use it inside functions only, never while loading. What is
 * not in it, a bundler can leave out of a page that does not use it.
 */
export const ops: BoundOps = {} as BoundOps;
