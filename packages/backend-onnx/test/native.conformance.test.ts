import { runConformance } from '@graftjs/conformance';
import { others } from './target.ts';

for (const target of others) runConformance(target);
