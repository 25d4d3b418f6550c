import type { GraphOp } from './graph-ops/arguments.ts';
import { elementwise } from './graph-ops/elementwise.ts';
import { indexing } from './graph-ops/indexing.ts';
import { layers } from './graph-ops/layers.ts';
import { lossOps } from './graph-ops/loss.ts';
import { math } from './graph-ops/math.ts';
import { movement } from './graph-ops/movement.ts';
import { norms } from './graph-ops/norm.ts';
import { quantization } from './graph-ops/quantize.ts';
import { reductions } from './graph-ops/reduce.ts';
import { resampling } from './graph-ops/resample.ts';
import { windows } from './graph-ops/windows.ts';

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
