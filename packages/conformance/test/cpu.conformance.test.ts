import { runConformance } from '../src/index.ts';
import { target } from './target.ts';

runConformance(target);
