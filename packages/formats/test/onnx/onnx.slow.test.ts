import { runOnnxTests } from './suite.ts';
import { allTargets } from './targets.ts';

runOnnxTests((await allTargets()).filter((t) => !t.bitExact && !t.notIn?.node));
