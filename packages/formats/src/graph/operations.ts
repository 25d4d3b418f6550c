import type { GraphOp } from './operations/arguments.ts';
import { elementwise } from './operations/elementwise.ts';
import { indexing } from './operations/indexing.ts';
import { layers } from './operations/layers.ts';
import { lossOps } from './operations/loss.ts';
import { math } from './operations/math.ts';
import { movement } from './operations/movement.ts';
import { norms } from './operations/norm.ts';
import { quantization } from './operations/quantize.ts';
import { reductions } from './operations/reduce.ts';
import { resampling } from './operations/resample.ts';
import { windows } from './operations/windows.ts';

export type { GraphOp };

/**
 * What a graph's operations mean: each in core's public ops, so each is differentiable on every backend. Where all inputs
 * are on the host, `hostOps` take precedence.
 */
export const graphOps: Readonly<Record<string, GraphOp>> = {
  ...layers,
  ...elementwise,
  ...movement,
  ...math,
  ...norms,
  ...indexing,
  ...reductions,
  ...resampling,
  ...windows,
  ...lossOps,
  ...quantization,
};
