import { float32 } from '@graftjs/core/backend';
import { ofUnaryKinds } from '../primitives/unary.ts';
import type { ErrorModel } from './model.ts';

/** `cpu` and `wasm`: IEEE 754 arithmetic, the contract's orders, and core's functions with their proven ulps. */
export const contractModel: ErrorModel = {
  arithmetic: 0.5,
  division: 0.5,
  unary: ofUnaryKinds(({ ulps }) => ulps),
  pow: float32.MAX_ULP.pow,
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
  unary: ofUnaryKinds(({ ulps }) => (ulps === undefined ? undefined : 1)),
  pow: 1,
  order: 'any',
  smallest: 2 ** -1074,
  precision: 53,
};
