import { contractModel, type ErrorModel, type Target } from '@graftjs/conformance';
import { createOnnxBackend } from '../src/index.ts';

/**
 * Arithmetic is IEEE 754, rounded to nearest, subnormal numbers kept; native sums of products use fused multiply-add, which
 * leaves one of two roundings out. onnxruntime states no error for its polynomials (MLAS's, Eigen's and the C library's):
 * those without a derivation are the largest error over one float32 in 307, of both modules, rounded up.
 */
const model: Partial<ErrorModel> = {
  order: 'any', // products are summed in tiles
  unary: {
    ...contractModel.unary,
    exp: 1.2,
    log: 3.2,
    erf: 1.3,
    tanh: 7.2,
    // An ulp is 2⁻²³ of a number at most, a rounding 2⁻²⁴; so 2 · 1.2 for eˣ, half as much again through 1 + eˣ, which
    // is rounded, as is the quotient: 5.6 · 2⁻²⁴ of the result, which an ulp is at least.
    sigmoid: 5.6,
    // log(u) · x / (u − 1): 5 · 2⁻²⁴ of the result where log is good to half an ulp (Goldberg 1991, theorem 4), and
    // 2 · (3.2 − ½) · 2⁻²⁴ more here.
    log1p: 10.4,
    // (u − 1) · x / log(u) for |x| < 1: the same, with the logarithm in the denominator. Beyond, u − 1 with |u| ≤ 1.6 |u − 1|.
    expm1: 10.4,
  },
};

const zeroTimesInfinity = 'onnxruntime multiplies padding, too: 0 · ∞ is NaN';

const unsupported: Target['unsupported'] = {
  'conv 2-D channels-first, padded, second operand not finite': zeroTimesInfinity,
  'conv 2-D channels-last, padded, second operand not finite': zeroTimesInfinity,
  'convInputGrad 2-D channels-first, padded, second operand not finite': zeroTimesInfinity,
  'convInputGrad 2-D channels-last, padded, second operand not finite': zeroTimesInfinity,
};

/** WebAssembly. */
export const target: Target = {
  name: 'onnx',
  create: () => createOnnxBackend({ threads: 1 }),
  compiles: true,
  signedZero: false, // its maxima take either zero, and Relu keeps −0
  model,
  unsupported,
};

/** Native. */
export const others: readonly Target[] = [
  {
    ...target,
    name: 'onnx with onnxruntime-node',
    create: async () => createOnnxBackend({ ort: await import('onnxruntime-node'), threads: 2 }),
    notIn: { browser: 'pages run no native code' },
  },
];
