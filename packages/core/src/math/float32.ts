export { reciprocal, roundHalfEven, rsqrt, sign, sqrt } from './basic.ts';
export { erf, exp, expm1, sigmoid, tanh } from './exp.ts';
export { log, log1p } from './log.ts';
export { pow } from './pow.ts';
export { cospi, sinpi } from './trig.ts';
