import { runOnnxTests } from '../onnx/suite.ts';
import { allTargets } from '../support/targets.ts';

runOnnxTests((await allTargets()).filter((t) => !t.bitExact && !t.notIn?.node));
