import { runConformance } from '@graftjs/conformance';
import { enableProdMode } from '@tensorflow/tfjs-core';
import { others } from './target.ts';

enableProdMode(); // it would print advice on speed

for (const target of others) runConformance(target);
