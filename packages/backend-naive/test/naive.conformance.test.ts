import { runConformance } from '@graftjs/conformance';
import { target } from './target.ts';

runConformance(target);
