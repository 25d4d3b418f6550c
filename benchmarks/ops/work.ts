import type { Case } from '@graftjs/conformance';
import { sizeOf, type Layout, type TensorSpec } from '@graftjs/core';
import type { ConvAttrs, OpAttrs, OpInputs, OpName } from '@graftjs/core/backend';
import { primitives, type OpDefinition } from '@graftjs/core/extend';
import { random } from './data.ts';
import type { StepName } from './steps.ts';

/** A convolution without its layout, padded so that stride 1 keeps the size. */
export interface ConvGeometry {
  readonly batch: number;
  readonly channels: number;
  /** Spatial extents: one, two or three. */
  readonly size: readonly number[];
  readonly filters: number;
  readonly kernel: readonly number[];
  readonly stride: number;
  readonly groups: number;
}

export type ConvPass = 'forward' | 'input gradient' | 'weight gradient';

export interface ConvWork {
  readonly kind: 'conv';
  readonly pass: ConvPass;
  readonly geometry: ConvGeometry;
}

/** One primitive of Graft, its layout fixed in its shapes and attributes. */
export interface PrimitiveWork<N extends OpName = OpName> {
  readonly kind: 'primitive';
  readonly op: N;
  readonly inputs: OpInputs<TensorSpec>[N];
  readonly attrs: OpAttrs[N];
}

/** A case of the conformance suite: Graft's backends only. */
export interface CaseWork {
  readonly kind: 'case';
  readonly case: Case;
}

/** A training step or a forward pass of a whole network. */
export interface StepWork {
  readonly kind: 'step';
  readonly step: StepName;
}

/** What is computed; every contender prepares it in its own way and its own layout. */
export type Work = ConvWork | PrimitiveWork | CaseWork | StepWork;

/** One row of the report. */
export interface BenchCase {
  readonly group: string;
  readonly name: string;
  readonly work: Work;
  /** Where operations say little: the elements that a time is counted by. */
  readonly elements?: number;
}

/** Shapes of a convolution's operands, and its attributes. */
export function convSpecs(
  g: ConvGeometry,
  layout: Layout,
): { x: TensorSpec; w: TensorSpec; y: TensorSpec; attrs: ConvAttrs } {
  const spec = (shape: readonly number[]): TensorSpec => ({ dtype: 'float32', shape });
  const attrs: ConvAttrs = {
    stride: g.size.map(() => g.stride),
    dilation: g.size.map(() => 1),
    padding: paddingOf(g).map((p) => [p, p] as const),
    groups: g.groups,
    layout,
  };
  const first = layout === 'channels-first';
  const x = spec(first ? [g.batch, g.channels, ...g.size] : [g.batch, ...g.size, g.channels]);
  const w = spec([g.filters, g.channels / g.groups, ...g.kernel]);
  return { x, w, y: primitives.conv.infer([x, w], attrs), attrs };
}

/** Zeros before and after, per axis. */
export const paddingOf = (g: ConvGeometry): number[] => g.kernel.map((k) => Math.floor(k / 2));

/** Additions and multiplications of a convolution, the same in all three passes. */
export function convFlops(g: ConvGeometry): number {
  const { x, w, y, attrs } = convSpecs(g, 'channels-first');
  return primitives.conv.flops([x, w], attrs, y);
}

/** The spec of what a primitive gives. */
export function outputOf<N extends OpName>({ op, inputs, attrs }: PrimitiveWork<N>): TensorSpec {
  return (primitives[op] as OpDefinition<N>).infer(inputs, attrs);
}

/** A convolution's operands, channels first, the same for everyone. */
export function convData(g: ConvGeometry): Record<'x' | 'w' | 'gy', Float32Array<ArrayBuffer>> {
  const { x, w, y } = convSpecs(g, 'channels-first');
  return {
    x: random(sizeOf(x.shape), 1),
    w: random(sizeOf(w.shape), 2),
    gy: random(sizeOf(y.shape), 3),
  };
}
