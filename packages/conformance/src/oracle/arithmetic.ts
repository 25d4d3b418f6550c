import { float32 as math } from '@graftjs/core/backend';
import { ofUnaryKinds } from '../primitives/unary.ts';
import { pow } from './special.ts';
import type { Arithmetic } from './values.ts';

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
