import { contractModel, runConformance } from '@graftjs/conformance';
import '@tensorflow/tfjs-backend-cpu'; // registers itself
import { enableProdMode } from '@tensorflow/tfjs-core';
import { createTfjsBackend } from '../src/index.ts';

enableProdMode(); // it would print advice on speed

const erf = "tfjs's polynomial for erf is good to 1.5e-7 absolutely";

// Another tfjs backend than the default, to show that what the primitives are composed of is not XNNPACK's alone.
runConformance({
  name: "tfjs's cpu",
  create: () => createTfjsBackend({ backend: 'cpu' }),
  model: {
    order: 'any',
    unary: { ...contractModel.unary, log1p: 5.7 }, // see target.ts
  },
  unsupported: {
    erf,
    'gelu [4, 9]': erf,
    'round of specials': 'rounds −0.5 to +0',
    'round halves to even': 'rounds −0.5 to +0',
    'pow of specials': "JavaScript's 1 to the power of NaN is NaN",
    'mul int32 wraps': 'multiplies in float64',
  },
});
