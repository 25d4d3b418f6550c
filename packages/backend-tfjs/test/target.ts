import { contractModel, type Target } from '@graftjs/conformance';
import { createTfjsBackend } from '../src/index.ts';

/** In a page, tfjs's .wasm files are where the development server has the package's. Node finds them. */
const files = '../node_modules/@tensorflow/tfjs-backend-wasm/dist/';
const options = 'document' in globalThis ? { wasmPaths: new URL(files, import.meta.url).href } : {};

/**
 * Arithmetic is WebAssembly's: IEEE 754, rounded to nearest, subnormal numbers kept, no fused multiply-add. Functions are
 * those of musl, which Emscripten links: exp 0.502 ulp, log 0.818, pow 0.82 (as its sources say), expm1 and erf below 1
 * (FreeBSD's, from which they come); so they are within the contract's own.
 */
export const target: Target = {
  name: 'tfjs',
  create: () => createTfjsBackend(options),
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

const erf = "tfjs's polynomial for erf is good to 1.5e-7 absolutely";

/** Another tfjs backend handed in, to show that what the primitives are composed of is not XNNPACK's alone. */
export const others: readonly Target[] = [
  {
    name: "tfjs with tfjs's cpu",
    create: async () => {
      await import('@tensorflow/tfjs-backend-cpu'); // registers itself
      return createTfjsBackend({ backend: 'cpu' });
    },
    model: { order: 'any', unary: { ...contractModel.unary, log1p: 5.7 } },
    notIn: { browser: 'the same JavaScript as in Node' },
    unsupported: {
      erf,
      "PyTorch's act_gelu": erf,
      'gelu [4, 9]': erf,
      'round of specials': 'rounds −0.5 to +0',
      'round halves to even': 'rounds −0.5 to +0',
      'pow of specials': "JavaScript's 1 to the power of NaN is NaN",
      'mul int32 wraps': 'multiplies in float64',
    },
  },
];
