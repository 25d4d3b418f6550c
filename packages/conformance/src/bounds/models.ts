import { float32 } from '@graftjs/core';
import type { ErrorModel } from './model.ts';

const { exp, expm1, log, log1p, tanh, erf, sigmoid, sqrt, rsqrt, reciprocal, pow } = float32.MAX_ULP;

/** `cpu` and `wasm`: IEEE 754 arithmetic, the contract's orders, and core's functions with their proven ulps. */
export const contractModel: ErrorModel = {
  arithmetic: 0.5,
  division: 0.5,
  unary: { exp, expm1, log, log1p, tanh, erf, sigmoid, sqrt, rsqrt, reciprocal },
  pow,
  order: 'contract',
  smallest: 2 ** -149,
  precision: 24,
};

/**
 * The oracle itself, as it is used for finite differences. Its functions' errors are in `ORACLE_FUNCTION_ERROR`, so the
 * ulps of the model are those of one rounding.
 */
export const oracleModel: ErrorModel = {
  arithmetic: 0.5,
  division: 0.5,
  unary: {
    exp: 1,
    expm1: 1,
    log: 1,
    log1p: 1,
    tanh: 1,
    erf: 1,
    sigmoid: 1,
    sqrt: 1,
    rsqrt: 1,
    reciprocal: 1,
  },
  pow: 1,
  order: 'any',
  smallest: 2 ** -1074,
  precision: 53,
};
