import { contractModel, type Target } from '@graftjs/conformance';
import { createTfjsBackend } from '../src/index.ts';

/**
 * Arithmetic is WebAssembly's: IEEE 754, rounded to nearest, subnormal numbers kept, no fused multiply-add. Functions are
 * those of musl, which Emscripten links: exp 0.502 ulp, log 0.818, pow 0.82 (as its sources say), expm1 and erf below 1
 * (FreeBSD's, from which they come); so they are within the contract's own.
 */
export const target: Target = {
  name: 'tfjs',
  create: () => createTfjsBackend(),
  model: {
    order: 'any', // XNNPACK sums in tiles
    unary: {
      ...contractModel.unary,
      // musl's, which states none: 2.189 is the largest over all float32 in [2⁻¹³, 16), and it is odd; below, x itself is
      // within half an ulp.
      tanh: 2.2,
      // log(u) · x / (u − 1): 5 · 2⁻²⁴ of the result where log is good to half an ulp (Goldberg 1991, theorem 4), and
      // 2 · (0.818 − ½) · 2⁻²⁴ more here; 2⁻²⁴ of a number is an ulp at most.
      log1p: 5.7,
    },
  },
};
