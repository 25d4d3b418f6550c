import type * as Ops from './index.ts';

/**
 * The public ops, filled in by `index.ts`. A gradient in one family is written in ops of all the others; going through
 * this table, families need not import each other in a circle. Use it inside functions only, never while loading.
 */
export const ops: typeof Ops = {} as typeof Ops;
