import type { Translation } from './lower.ts';
import { constants } from './ops-constant.ts';
import { convolutions } from './ops-conv.ts';
import { elementwiseOps } from './ops-elementwise.ts';
import { movements } from './ops-movement.ts';
import { norms } from './ops-norm.ts';
import { pools } from './ops-pool.ts';
import { reduceOps } from './ops-reduce.ts';

/** ONNX's op → how it is said in a `GraphDef`. Specification: https://onnx.ai/onnx/operators/ */
export const translations: Readonly<Record<string, Translation>> = {
  ...constants,
  ...convolutions,
  ...pools,
  ...norms,
  ...elementwiseOps,
  ...movements,
  ...reduceOps,
};
