import type { Primitive } from '../op.ts';
import type { OpName } from '../primitives.ts';
import * as ops from './index.ts';

type Definitions = { readonly [N in OpName as `${N}Op`]: Primitive<N> };

function byName(exported: Definitions): { readonly [N in OpName]: Primitive<N> } {
  const definitions = Object.entries<object>(exported).filter(([key]) => key.endsWith('Op'));
  return Object.fromEntries(definitions.map(([key, op]) => [key.slice(0, -'Op'.length), op])) as never;
}

/**
 * Every primitive's definition, as its family exports it under `<name>Op`. Total on purpose, like `Kernels`: one that is
 * missing does not compile. In a module of its own, so that pages that name single ops leave the others out.
 */
export const primitives: { readonly [N in OpName]: Primitive<N> } = byName(ops);
