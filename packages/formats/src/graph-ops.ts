import type { GraphOp } from './graph-ops/arguments.ts';
import { elementwise } from './graph-ops/elementwise.ts';
import { layers } from './graph-ops/layers.ts';
import { movement } from './graph-ops/movement.ts';
import { reductions } from './graph-ops/reduce.ts';

export type { GraphOp };

/**
 * What a graph's operations mean: each in core's public ops, so each is differentiable on every backend. Where all inputs
 * are on the host, `hostOps` take precedence.
 */
export const graphOps: Readonly<Record<string, GraphOp>> = {
  ...layers,
  ...elementwise,
  ...movement,
  ...reductions,
};
