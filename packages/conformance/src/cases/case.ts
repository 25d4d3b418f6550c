import { Random, tensor, type Backend, type Layout, type Tensor } from '@graftjs/core';
import type { DataKind, Fill, InputSpec } from './data.ts';

/** One computation that every backend must get right. One list of them drives all modes. */
export interface Case {
  /** Unique; data are drawn from the stream of this name. */
  readonly name: string;
  /** The primitive (with its kind: 'binary add') or composite that it is about: its row in the support table. */
  readonly op: string;
  readonly family: Family;
  readonly layout?: Layout;
  /** Number of spatial axes. */
  readonly rank?: number;
  readonly inputs: readonly InputSpec[];
  readonly run: (...inputs: Tensor[]) => Tensor | readonly Tensor[];
  /** Inputs whose gradients are checked. Default: all float32 inputs. */
  readonly gradients?: readonly number[];
  /**
   * Its formula is good to float32 only, a polynomial in the place of a function: how far its slope may be from the closed
   * form that its gradient is, as a share of it. Finite differences are of the formula.
   */
  readonly slopeWithin?: number;
  /** With whole-numbered data nothing is rounded, in the gradients neither. Default: true. */
  readonly exact?: boolean;
  /** The outputs are all the same in mathematics; on a backend that claims the contract, in every bit. Checked for that only. */
  readonly law?: boolean;
  /** It draws from a stream that it makes itself: a compiled function is not asked to make it anew, so it runs once. */
  readonly draws?: boolean;
  /** Values come with zeros of both signs, NaN or infinities: no gradients, and no whole-numbered data. */
  readonly special?: boolean;
}

export const FAMILIES = [
  'elementwise',
  'movement',
  'reduce',
  'matmul',
  'conv',
  'pool',
  'composite',
  'fused',
  'training',
  'golden',
] as const;
export type Family = (typeof FAMILIES)[number];

/** What most cases are made with. */
export function define(
  family: Family,
  op: string,
  name: string,
  inputs: InputSpec | readonly InputSpec[],
  run: (...inputs: Tensor[]) => Tensor | readonly Tensor[],
  more: Partial<Case> = {},
): Case {
  const list = 'dtype' in inputs ? [inputs] : inputs;
  // A function that is handed over takes its tensors, and nothing behind them.
  return { name, op, family, inputs: list, run: (...x) => run(...x), ...more };
}

/** Composites divide, take roots and exponentials: whole numbers do not stay whole. */
export function composite(
  op: string,
  what: string,
  inputs: InputSpec | readonly InputSpec[],
  run: (...inputs: Tensor[]) => Tensor | readonly Tensor[],
  more: Partial<Case> = {},
): Case {
  return define('composite', op, `${op} ${what}`, inputs, run, { exact: false, ...more });
}

let [current, made]: [Case | null, Map<string, unknown>] = [null, new Map()];

/** Makes something of a case once as long as this is the case at hand: its modes want it many times over. */
export function once<T>(c: Case, what: string, make: () => T): T {
  if (c !== current) [current, made] = [c, new Map()];
  if (!made.has(what)) made.set(what, make());
  return made.get(what) as T;
}

/** Numbers from the case's stream of that name. Nobody may write to them. */
export function drawn(c: Case, stream: string, fill: Fill, size: number, kind: DataKind): Float64Array {
  return once(c, stream, () => Float64Array.from(fill(new Random(1, `${c.name} ${stream}`), size, kind)));
}

/** A case's inputs as plain numbers; the same every time. */
export function dataOf(c: Case, kind: DataKind): Float64Array[] {
  return c.inputs.map(({ fill, shape }, i) => {
    const size = shape.reduce((n, d) => n * d, 1);
    return drawn(c, `${kind} ${i}`, fill, size, kind);
  });
}

/** Puts a case's inputs on a backend. */
export function upload(c: Case, data: readonly Float64Array[], backend: Backend): Tensor[] {
  return c.inputs.map(({ dtype, shape }, i) => tensor(data[i], shape, { dtype, backend }));
}

/** A case's outputs as a list. */
export function outputs(c: Case, inputs: readonly Tensor[]): readonly Tensor[] {
  const y = c.run(...inputs);
  return 'shape' in y ? [y] : y;
}

/** The inputs whose gradients are checked. */
export function sourcesOf(c: Case): readonly number[] {
  if (c.special) return [];
  return c.gradients ?? c.inputs.flatMap(({ dtype }, i) => (dtype === 'float32' ? [i] : []));
}
