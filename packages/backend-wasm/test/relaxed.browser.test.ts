import { runConformance } from '@graftjs/conformance';
import { relaxed } from './target.ts';

runConformance(relaxed);
