import { evaluating, type Module } from '../nn/module.ts';
import { withRecorders, type Recorded } from '../op.ts';
import type { AvgPoolAttrs, ConvAttrs, PoolAttrs } from '../primitives.ts';
import { scope, type Tensor } from '../tensor.ts';
import { spatialAxes } from '../ops/spatial.ts';
import { sameShape, sizeOf, type Layout, type Shape } from '../types.ts';

/**
 * What one output element sees of the input, along one spatial axis: element j covers the inputs
 * [offset + j · jump, offset + j · jump + size). Dumoulin & Visin, "A guide to convolution arithmetic" (2016).
 */
export interface Field {
  readonly size: number;
  readonly jump: number;
  /** Where output 0's window begins; negative when it begins in the padding. */
  readonly offset: number;
  /** Also sees everything, through a global pool (squeeze-excite); `size` then tells of the local path alone. */
  readonly global: boolean;
}

/** One entry per axis of a tensor: a field on spatial axes, null on the others. */
type Fields = readonly (Field | null)[];

function merge(fields: readonly (Field | null)[]): Field | null {
  const real = fields.filter((f) => f !== null);
  if (!real.length) return null;
  const global = real.some((f) => f.global);
  // A branch that has been pooled to a point has no local window left: it only adds `global`.
  const local = real.filter((f) => f.size > 0);
  if (!local.length) return { ...real[0]!, global };
  const offset = Math.min(...local.map((f) => f.offset));
  const end = Math.max(...local.map((f) => f.offset + f.size));
  return { size: end - offset, jump: Math.max(...local.map((f) => f.jump)), offset, global };
}

const POOLED: Field = { size: 0, jump: 0, offset: 0, global: true };

function windowed(input: Fields, layout: Layout, a: Omit<PoolAttrs, 'ceilMode' | 'layout'>): Fields {
  const out: (Field | null)[] = [...input];
  spatialAxes(layout, input.length).forEach((axis, i) => {
    const f = input[axis];
    if (!f) return;
    out[axis] = {
      size: f.size + (a.kernel[i]! - 1) * a.dilation[i]! * f.jump,
      jump: f.jump * a.stride[i]!,
      offset: f.offset - a.padding[i]![0] * f.jump,
      global: f.global,
    };
  });
  return out;
}

/** A transposed convolution: ⌈window / stride⌉ inputs reach an output (at most), outputs lie 1 / stride apart. */
function transposed(input: Fields, kernel: readonly number[], a: ConvAttrs): Fields {
  const out: (Field | null)[] = [...input];
  spatialAxes(a.layout, input.length).forEach((axis, i) => {
    const f = input[axis];
    if (!f) return;
    const stride = a.stride[i]!;
    const reach = (kernel[i]! - 1) * a.dilation[i]!;
    out[axis] = {
      size: f.size + Math.floor(reach / stride) * f.jump,
      jump: f.jump / stride,
      offset: f.offset + Math.ceil((a.padding[i]![0] - reach) / stride) * f.jump,
      global: f.global,
    };
  });
  return out;
}

function propagate({ name, attrs, inputs, outputs }: Recorded, fieldsOf: (t: Tensor) => Fields): Fields {
  const x = inputs[0]!;
  const fx = fieldsOf(x);
  const y = outputs[0]!;
  switch (name) {
    case 'conv':
    case 'convAffine': {
      const a = attrs as ConvAttrs;
      return windowed(fx, a.layout, { ...a, kernel: inputs[1]!.shape.slice(2) });
    }
    case 'convInputGrad':
      return transposed(fx, inputs[1]!.shape.slice(2), attrs as ConvAttrs);
    case 'maxPool':
    case 'avgPool': {
      const a = attrs as AvgPoolAttrs;
      return windowed(fx, a.layout, a);
    }
    case 'transpose':
      return (attrs as { perm: number[] }).perm.map((p) => fx[p] ?? null);
    case 'slice': {
      const { start, step } = attrs as { start: number[]; step: number[] };
      return fx.map((f, i) => f && { ...f, offset: f.offset + start[i]! * f.jump, jump: f.jump * step[i]! });
    }
    case 'pad': {
      const { before } = attrs as { before: number[] };
      return fx.map((f, i) => f && { ...f, offset: f.offset - before[i]! * f.jump });
    }
    case 'reduce': {
      const { axes, keepDims } = attrs as { axes: number[]; keepDims: boolean };
      const seen = axes.some((a) => fx[a]);
      const kept = fx.map((f, i) => (axes.includes(i) ? (f ? POOLED : null) : f));
      const rest = keepDims ? kept : kept.filter((_, i) => !axes.includes(i));
      return seen && rest.every((f) => f === null) ? rest.map(() => POOLED) : rest;
    }
    default: {
      if (y.rank === x.rank && inputs.every((t) => t.rank <= y.rank)) {
        // Elementwise, broadcast, or along the batch: the union of what the operands see.
        return y.shape.map((_, i) => merge(inputs.map((t) => fieldsOf(t)[i - (y.rank - t.rank)] ?? null)));
      }
      if (name === 'reshape') {
        // Axes of extent 1 come and go; a field is kept where its axis can be found again.
        const spatial = fx.filter((f) => f !== null);
        if (!spatial.length) return y.shape.map(() => null);
        if (
          sameShape(
            x.shape.filter((d) => d !== 1),
            y.shape.filter((d) => d !== 1),
          ) &&
          y.rank > x.rank
        ) {
          return y.shape.map((d, i) => (i < x.rank && d === x.shape[i] ? fx[i]! : POOLED));
        }
      }
      return y.shape.map(() => (inputs.some((t) => fieldsOf(t).some((f) => f)) ? POOLED : null));
    }
  }
}

/**
 * Follows the receptive field through every op that runs inside, from an input tensor on. Works for any module, since
 * it watches the ops and not the layers.
 */
export class FieldTracer {
  readonly #fields = new Map<number, Fields>();

  constructor(input: Tensor, layout: Layout) {
    const spatial = new Set(spatialAxes(layout, input.rank));
    this.#fields.set(
      input.id,
      input.shape.map((_, i) => (spatial.has(i) ? { size: 1, jump: 1, offset: 0, global: false } : null)),
    );
  }

  run<T>(fn: () => T): T {
    const fieldsOf = (t: Tensor): Fields => this.#fields.get(t.id) ?? t.shape.map(() => null);
    const record = (entry: Recorded): void => {
      if (!entry.inputs.some((t) => this.#fields.has(t.id))) return;
      const fields = propagate(entry, fieldsOf);
      for (const out of entry.outputs) this.#fields.set(out.id, fields);
    };
    return withRecorders([{ record, follows: (t) => this.#fields.has(t.id) }], fn);
  }

  /** The fields of a tensor's spatial axes, in order; empty when none is left. */
  of(t: Tensor): Field[] {
    return (this.#fields.get(t.id) ?? []).filter((f) => f !== null);
  }
}

export interface LayerSummary {
  readonly name: string;
  /** Class name, such as 'Conv2d'. */
  readonly kind: string;
  readonly outputShape: Shape;
  /** Number of weights, children included. */
  readonly parameters: number;
  readonly locked: boolean;
  /** Per spatial axis; empty after the spatial axes are gone. */
  readonly receptiveField: readonly Field[];
  /** Depth in the tree: 0 for the model's children. */
  readonly depth: number;
}

/**
 * A row per module, in the order in which they run, from one forward pass of `input` (batch axis included).
 * @param input the model's input, such as zeros of `[1, 3, 96, 96]`.
 * @throws ShapeError where the input does not fit the model.
 * @example
 * const model = new Sequential({ conv: new Conv2d(3, 8, 3), pool: new GlobalAvgPool2d() });
 * const rows = summarize(model, zeros([1, 3, 32, 32]));
 * rows.map((row) => row.name); // → ['conv', 'pool']
 * rows[0]!.parameters; // → 224
 */
export function summarize(model: Module, input: Tensor, layout: Layout = 'channels-first'): LayerSummary[] {
  const rows = new Map<string, LayerSummary>();
  const named = [...model.namedModules()].filter(([name]) => name !== '');
  const tracer = new FieldTracer(input, layout);
  const watch = (name: string, m: Module): void => {
    const forward = m.forward.bind(m);
    m.forward = (x) => {
      const y = forward(x);
      const parameters = m.parameters();
      rows.set(name, {
        name,
        kind: m.constructor.name,
        outputShape: y.shape,
        parameters: parameters.reduce((n, p) => n + sizeOf(p.value.shape), 0),
        locked: parameters.length > 0 && parameters.every((p) => p.locked),
        receptiveField: tracer.of(y),
        depth: name.split('.').length - 1,
      });
      return y;
    };
  };
  for (const [name, m] of named) watch(name, m);
  try {
    evaluating([model], () =>
      scope(() => {
        tracer.run(() => model.forward(input));
      }),
    );
  } finally {
    for (const [, m] of named) delete (m as { forward?: unknown }).forward;
  }
  return named.flatMap(([name]) => rows.get(name) ?? []);
}

/**
 * What one output of a layer sees of the input, per spatial axis: how wide, how far from the next, where the first begins.
 * @param input the model's input, such as zeros of `[1, 3, 96, 96]`.
 * @throws NameError for an unknown layer, ShapeError where the input does not fit the model.
 * @example
 * const model = new Sequential({ a: new Conv1d(1, 1, 3), b: new Conv1d(1, 1, 3, { stride: 2 }) });
 * receptiveField(model, 'b', zeros([1, 1, 16])); // → [{ size: 5, jump: 2, offset: 0, global: false }]
 */
export function receptiveField(
  model: Module,
  layer: string,
  input: Tensor,
  layout: Layout = 'channels-first',
): readonly Field[] {
  model.module(layer);
  return summarize(model, input, layout).find((row) => row.name === layer)?.receptiveField ?? [];
}
