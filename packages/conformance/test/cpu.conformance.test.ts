import { goldenAsCases, runConformance } from '../src/index.ts';
import { golden } from './golden-file.ts';
import { target } from './target.ts';

runConformance(target, { cases: goldenAsCases(golden) });
