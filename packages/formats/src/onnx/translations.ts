import { sharedOps } from '../graph/translations.ts';
import type { Translation } from './lower.ts';
import { activations } from './ops-activation.ts';
import { constants } from './ops-constant.ts';
import { convolutions } from './ops-conv.ts';
import { elementwiseOps } from './ops-elementwise.ts';
import { indexOps } from './ops-index.ts';
import { losses } from './ops-loss.ts';
import { mathOps } from './ops-math.ts';
import { movements } from './ops-movement.ts';
import { norms } from './ops-norm.ts';
import { pools } from './ops-pool.ts';
import { quantizeOps } from './ops-quantize.ts';
import { reduceOps } from './ops-reduce.ts';
import { resizeOps } from './ops-resize.ts';

/** ONNX's op → how it is said in a `GraphDef`. Specification: https://onnx.ai/onnx/operators/ */
export const translations: Readonly<Record<string, Translation>> = {
  ...sharedOps,
  ...constants,
  ...convolutions,
  ...pools,
  ...norms,
  ...activations,
  ...elementwiseOps,
  ...mathOps,
  ...movements,
  ...indexOps,
  ...resizeOps,
  ...reduceOps,
  ...losses,
  ...quantizeOps,
};
