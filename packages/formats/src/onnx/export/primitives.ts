import {
  type AvgPoolAttrs,
  type OpAttrs,
  type OpName,
  type PoolAttrs,
  type UnaryKind,
  type OpInputs,
} from '@graftjs/core/backend';
import { BINARY_OPERATORS, lower, UNARY_OPERATORS, type Value } from '@graftjs/onnx-graph';
import { conv, convTranspose } from './convolutions.ts';
import {
  before,
  channelsFirst,
  elementwise,
  firstShape,
  like,
  padsOf,
  sourceOf,
  transposed,
  type Emit,
} from './emit.ts';

/*
 * Primitives as people write them. The lowering of `@graftjs/onnx-graph` says them so that runtimes agree with core to the
 * last case (NaN among maxima, sigmoid far out), in more nodes than a network in a file should have; it serves where there
 * is no plain operator.
 */

const UNARY: Readonly<Partial<Record<UnaryKind, string>>> = {
  ...UNARY_OPERATORS,
  tanh: 'Tanh',
  sigmoid: 'Sigmoid',
};

/** Null where there is no plain form, or not for these attributes. */
type Plain<N extends OpName> = (e: Emit, attrs: OpAttrs[N]) => Value | null;

/** Padding of windows so that exactly the output's extents come out, without ONNX's rules for rounding up. */
function exactPads(a: PoolAttrs, input: readonly number[], output: readonly number[]): number[] | null {
  const padding = a.padding.map(([lo, hi], i): [number, number] => {
    const reach = a.dilation[i]! * (a.kernel[i]! - 1) + 1;
    const end = (output[i]! - 1) * a.stride[i]! + reach - input[i]! - lo;
    return [lo, Math.max(hi, end)];
  });
  const fits = padding.every(([lo, hi], i) => lo < a.kernel[i]! && hi < a.kernel[i]!);
  return fits ? padsOf(padding) : null;
}

function pool({ b, inputs, outputs }: Emit, op: string, a: PoolAttrs, more: object): Value | null {
  const [from, to] = [firstShape(inputs[0]!.shape, a.layout), firstShape(outputs[0]!.shape, a.layout)];
  const pads = exactPads(a, from.slice(2), to.slice(2));
  if (!pads) return null;
  return channelsFirst(b, inputs[0]!, a.layout, (x) =>
    b.add(op, [x], { shape: to }, { kernel_shape: a.kernel, strides: a.stride, pads, ...more }),
  );
}

const plain: { readonly [N in OpName]?: Plain<N> } = {
  unary: ({ b, inputs }, { kind }) => (UNARY[kind] ? like(b, UNARY[kind], [inputs[0]!]) : null),
  binary({ b, inputs, outputs }, { kind }) {
    const { dtype, shape } = outputs[0]!;
    return dtype === 'float32' ? elementwise(b, BINARY_OPERATORS[kind], inputs, shape) : null;
  },
  reduce(e, attrs) {
    const { kind, axes, keepDims } = attrs;
    const { b, inputs, outputs } = e;
    const { shape, dtype } = outputs[0]!;
    const from = sourceOf(b, inputs[0]!);
    if (from && keepDims && kind !== 'argmax') {
      const there = { ...attrs, axes: axes.map((i) => from.perm[i]!).sort((p, q) => p - q) };
      const output = { dtype, shape: before(shape, from.perm) };
      const y = emitPrimitive({ b, inputs: [from.x], outputs: [output] }, 'reduce', there);
      return transposed(b, y, from.perm);
    }
    if (kind !== 'max' || !axes.length) return null;
    return b.add('ReduceMax', [inputs[0]!], { shape }, { axes, keepdims: Number(keepDims) });
  },
  transpose: ({ b, inputs: [x] }, { perm }) => transposed(b, x!, perm),
  conv: ({ b, inputs: [x, w], outputs }, a) => conv(b, x!, w!, null, a, outputs[0]!.shape),
  convInputGrad: ({ b, inputs: [x, w], outputs }, a) => convTranspose(b, x!, w!, null, a, outputs[0]!.shape),
  maxPool: (e, a) => pool(e, 'MaxPool', a, { dilations: a.dilation }),
  avgPool(e, a: AvgPoolAttrs) {
    // Opset 17 has no dilation here, and counts the padding of partial windows in its own way.
    if (a.ceilMode || a.dilation.some((d) => d !== 1)) return null;
    return pool(e, 'AveragePool', a, { count_include_pad: Number(a.countIncludePad) });
  },
};

export function emitPrimitive<N extends OpName>(e: Emit, op: N, attrs: OpAttrs[N]): Value {
  const short = (plain[op] as Plain<N> | undefined)?.(e, attrs);
  return short ?? lower(e.b, op, e.inputs as unknown as OpInputs<Value>[N], attrs, e.outputs[0]!);
}
