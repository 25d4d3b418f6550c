import { float32 as math, type BinaryKind, type UnaryKind } from '@graftjs/core/backend';
import { ofUnaryKinds } from '../primitives/unary.ts';
import type { Products } from './products.ts';
import { pow } from './special.ts';

/** Sums that are added to. */
type Sums = { [output: number]: number };

/** The arithmetic that the reference kernels are evaluated in. */
export interface Arithmetic {
  readonly name: string;
  /** What becomes of a number that comes in: an uploaded value, a constant in the attributes. */
  readonly number: (x: number) => number;
  readonly add: (a: number, b: number) => number;
  readonly mul: (a: number, b: number) => number;
  readonly div: (a: number, b: number) => number;
  /** Adds products one after the other, each with `mul` and `add`: written out, because the suite waits for little else. */
  readonly addProducts: (to: Sums, a: ArrayLike<number>, b: ArrayLike<number>, list: Products) => void;
  readonly unary: Readonly<Record<UnaryKind, (x: number) => number>>;
  readonly binary: Readonly<Record<BinaryKind, (a: number, b: number) => number>>;
}

/** Straight from the definitions. The math functions are good to 2⁻⁴⁸ (see `ORACLE_ERROR` in bounds/model.ts). */
export const exact: Arithmetic = {
  name: 'oracle',
  number: (x) => x,
  add: (a, b) => a + b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  addProducts(to, a, b, { a: i, b: j, y }) {
    for (let k = 0; k < y.length; k++) to[y[k]] += a[i[k]] * b[j[k]];
  },
  unary: ofUnaryKinds(({ exact }) => exact) as Arithmetic['unary'],
  binary: {
    add: (a, b) => a + b,
    sub: (a, b) => a - b,
    mul: (a, b) => a * b,
    div: (a, b) => a / b,
    pow,
    max: Math.max,
    min: Math.min,
  },
};

const f = Math.fround;

/**
 * The contract of `cpu` and `wasm`: every product, sum and quotient rounded to float32 on its own, the math functions
 * those of core. With it the reference kernels say what the bits must be.
 */
export const rounded: Arithmetic = {
  name: 'contract',
  number: f,
  add: (a, b) => f(a + b),
  mul: (a, b) => f(a * b),
  div: (a, b) => f(a / b),
  addProducts(to, a, b, { a: i, b: j, y }) {
    for (let k = 0; k < y.length; k++) to[y[k]] = f(to[y[k]] + f(a[i[k]] * b[j[k]]));
  },
  unary: ofUnaryKinds(({ contract }) => contract) as Arithmetic['unary'],
  binary: {
    add: (a, b) => f(a + b),
    sub: (a, b) => f(a - b),
    mul: (a, b) => f(a * b),
    div: (a, b) => f(a / b),
    pow: math.pow,
    max: Math.max,
    min: Math.min,
  },
};
