import { blocks } from './operations/blocks.ts';
import { elementwise } from './operations/elementwise.ts';
import { indexing } from './operations/indexing.ts';
import { layers } from './operations/layers.ts';
import { losses } from './operations/loss.ts';
import { math } from './operations/math.ts';
import { movement } from './operations/movement.ts';
import { norms } from './operations/norm.ts';
import type { GraphOp } from './operations/operation.ts';
import { quantization } from './operations/quantize.ts';
import { reductions } from './operations/reduce.ts';
import { resampling } from './operations/resample.ts';
import { windows } from './operations/windows.ts';

export type { GraphOp };

/** The operations of a graph by name: what they mean, and all that anybody must know of them. A family in each file. */
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
  ...blocks,
  ...losses,
  ...quantization,
};

/** What is known of a node's operation. */
export const opOf = ({ op }: { readonly op: string }): GraphOp =>
  Object.hasOwn(graphOps, op) ? graphOps[op]! : {};
