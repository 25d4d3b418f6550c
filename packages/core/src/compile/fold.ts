import type { PrimitiveNode } from '../graph.ts';
import { float32 } from '../math/index.ts';
import { converted } from '../backend-kit/convert.ts';
import { broadcastStrides } from '../backend-kit/walk.ts';
import type { BinaryKind, UnaryKind } from '../primitives.ts';
import { sizeOf, stridesOf, type Shape, type TensorSpec, type TypedArray } from '../types.ts';

/** Larger results are left to the backend: folding is for scalars and vectors of channels. */
const MOST_ELEMENTS = 4096;

/** Of the kinds that are not here, nothing is folded. */
const UNARY: Readonly<Partial<Record<UnaryKind, (x: number) => number>>> = {
  neg: (x) => -x,
  abs: Math.abs,
  sign: float32.sign,
  floor: Math.floor,
  ceil: Math.ceil,
  round: float32.roundHalfEven,
  sqrt: float32.sqrt,
  rsqrt: float32.rsqrt,
  reciprocal: float32.reciprocal,
  exp: float32.exp,
  expm1: float32.expm1,
  log: float32.log,
  log1p: float32.log1p,
  tanh: float32.tanh,
  erf: float32.erf,
  sigmoid: float32.sigmoid,
  relu: (x) => (x > 0 ? x : x === 0 ? 0 : x < 0 ? 0 : NaN),
};

const BINARY: Readonly<Record<BinaryKind, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  pow: float32.pow,
  max: Math.max,
  min: Math.min,
};

/** Position in the operand of each element of `shape`, in row-major order. */
function positions(shape: Shape, strides: readonly number[]): Int32Array {
  const steps = stridesOf(shape);
  return Int32Array.from({ length: sizeOf(shape) }, (_, i) =>
    strides.reduce((at, stride, axis) => at + (Math.floor(i / steps[axis]!) % shape[axis]!) * stride, 0),
  );
}

/**
 * What a node gives on constants, with the bits that the contract prescribes; null where that is not worth knowing here.
 * Only float32 arithmetic, where the bits follow from IEEE 754 and core's own functions, and moving.
 */
export function fold(
  node: PrimitiveNode,
  inputs: readonly { readonly spec: TensorSpec; readonly data: TypedArray }[],
  output: TensorSpec,
): TypedArray | null {
  if (sizeOf(output.shape) > MOST_ELEMENTS) return null;
  const [a, b] = inputs as [(typeof inputs)[number], (typeof inputs)[number]];
  const spread = ({ spec, data }: (typeof inputs)[number]): TypedArray => {
    const at = positions(output.shape, broadcastStrides(spec.shape, output.shape.length));
    return data.constructor === Float32Array ? Float32Array.from(at, (i) => data[i]!) : take(data, at);
  };
  const take = (data: TypedArray, at: Int32Array): TypedArray =>
    converted(
      Array.from(at, (i) => data[i]!),
      output,
    );
  switch (node.op) {
    case 'reshape':
      return a.data;
    case 'cast':
      return converted(a.data, output);
    case 'broadcastTo':
      return spread(a);
    case 'transpose': {
      const strides = stridesOf(a.spec.shape);
      const at = positions(
        output.shape,
        node.attrs.perm.map((i) => strides[i]!),
      );
      return take(a.data, at);
    }
    case 'unary': {
      const f = UNARY[node.attrs.kind];
      return f && output.dtype === 'float32' ? Float32Array.from(a.data, f) : null;
    }
    case 'binary': {
      if (output.dtype !== 'float32') return null;
      const [x, y] = [spread(a), spread(b)];
      const f = BINARY[node.attrs.kind];
      return Float32Array.from(x, (v, i) => f(v, y[i]!));
    }
    default:
      return null;
  }
}
