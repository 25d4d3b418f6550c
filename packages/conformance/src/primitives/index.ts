import type { Kernels, OpName } from '@graftjs/core/backend';
import type { ErrorKernel } from '../bounds/bounded.ts';
import type { ErrorModel } from '../bounds/model.ts';
import type { Case } from '../cases/case.ts';
import type { Arithmetic, Values } from '../oracle/values.ts';
import type { About, AboutPrimitive } from './about.ts';
import { binary, binaryCases } from './binary.ts';
import { choice, choiceCases } from './choice.ts';
import { convCases, convolution } from './conv.ts';
import { indexing, indexingCases } from './indexing.ts';
import { matmulCases, product } from './matmul.ts';
import { movement, movementCases } from './movement.ts';
import { poolCases, pools } from './pool.ts';
import { reduce, reduceCases } from './reduce.ts';
import { unary, unaryCases } from './unary.ts';

/** Total on purpose: a primitive that the suite knows nothing of does not compile. */
export const aboutPrimitives: About<OpName> = {
  ...unary,
  ...binary,
  ...choice,
  ...movement,
  ...indexing,
  ...reduce,
  ...product,
  ...convolution,
  ...pools,
};

export const primitiveCases: readonly Case[] = [
  ...unaryCases,
  ...binaryCases,
  ...choiceCases,
  ...movementCases,
  ...indexingCases,
  ...reduceCases,
  ...matmulCases,
  ...convCases,
  ...poolCases,
];

/** Every primitive, from its definition, in the given arithmetic. Slow and plain on purpose. */
export function referenceKernels(arithmetic: Arithmetic): Kernels<Values> {
  return each(({ kernel }) => kernel.bind(null, arithmetic)) as Kernels<Values>;
}

/** What every primitive does to errors. */
export function errorKernels(model: ErrorModel): ErrorKernels {
  return each(({ error }) => error.bind(null, model)) as ErrorKernels;
}

type ErrorKernels = { readonly [N in OpName]: ErrorKernel<N> };

function each(pick: (about: AboutPrimitive<OpName>) => unknown): unknown {
  const list = Object.entries<AboutPrimitive<never>>(aboutPrimitives);
  return Object.fromEntries(list.map(([name, about]) => [name, pick(about as AboutPrimitive<OpName>)]));
}
