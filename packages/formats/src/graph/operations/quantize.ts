import * as core from '@graftjs/core';
import { isTensor, ShapeError, sizeOf, UnsupportedError, type Tensor, type TensorLike } from '@graftjs/core';
import type { Attrs } from '../graph.ts';
import { newHostArray, type HostArray } from '../host-array.ts';
import { axisOf } from './axes.ts';
import {
  number,
  numbers,
  onTensors,
  operandAt,
  tensorAt,
  windowOf,
  type GraphOp,
  type Inputs,
} from './operation.ts';

/** Input `i`, a number or one per element of x's `axis`, so that it broadcasts to x; 0 where it is left out. */
function along(inputs: Inputs, i: number, x: Tensor, axis: number): TensorLike {
  if (i >= inputs.length) return 0;
  const p = operandAt(inputs, i);
  if (!isTensor(p)) return p;
  const value = core.cast(p, 'float32');
  if (value.size === 1) return core.reshape(value, []);
  // An axis that x does not have is its last, or first, one: files write 1 for vectors, too.
  const at = Math.max(axis < 0 ? axis + x.rank : axis, 0);
  return core.reshape(value, [value.size, ...new Array<number>(Math.max(x.rank - 1 - at, 0)).fill(1)]);
}
/** Input `i` as float32, less the zero point that input `z` is. */
function centred(inputs: Inputs, i: number, z: number, axis: number): Tensor {
  const x = core.cast(tensorAt(inputs, i), 'float32');
  return core.sub(x, along(inputs, z, x, axis));
}

/** Sums of products of two bytes are exact in float32 while they stay below 2²⁴. */
const MAX_TERMS = Math.floor(2 ** 24 / (255 * 255));
function wantFewTerms(terms: number): void {
  if (terms > MAX_TERMS)
    throw new UnsupportedError(
      `sums of ${terms} products of whole numbers: more than ${MAX_TERMS} are not exact in float32`,
    );
}

/** x, scale, zero point: (x − zero point) · scale. */
function dequantize(x: Inputs, a: Attrs): Tensor {
  const input = centred(x, 0, 2, number(a, 'axis', 1));
  return core.mul(input, along(x, 1, input, number(a, 'axis', 1)));
}
/** The same with scales and zero points of one element, or one per element of `axis`. */
function dequantizeHost([input, scale, zeroPoint]: readonly HostArray[], a: Attrs): HostArray {
  const x = input!;
  const out = newHostArray('float32', x.shape, x.values.length);
  const each = scale!.values.length;
  const axis = each === 1 ? 0 : axisOf(a['axis'] ?? 1, x.shape.length);
  const zeros = zeroPoint?.values ?? [0];
  if (each !== 1 && each !== x.shape[axis])
    throw new ShapeError(`${each} scales for axis ${axis} of [${x.shape.join(', ')}]`);
  if (zeros.length !== each && zeros.length !== 1)
    throw new ShapeError(`${zeros.length} zero points and ${each} scales`);
  const inner = each === 1 ? Infinity : sizeOf(x.shape.slice(axis + 1));
  for (let i = 0; i < out.values.length; i++) {
    const k = Math.floor(i / inner) % each;
    out.values[i] = (x.values[i]! - zeros[zeros.length === 1 ? 0 : k]!) * scale!.values[k]!;
  }
  return out;
}

export const quantization: Readonly<Record<string, GraphOp>> = {
  dequantize: { run: dequantize, host: dequantizeHost },
  ...onTensors({
    /** x, scale, zero point: round(x / scale), half to even, + zero point, limited to [low, high], as int32. */
    quantize(x, a) {
      const input = tensorAt(x, 0);
      const axis = number(a, 'axis', 1);
      const steps = core.round(core.div(input, along(x, 1, input, axis)));
      const moved = core.add(steps, along(x, 2, input, axis));
      return core.cast(core.clip(moved, number(a, 'low', 0), number(a, 'high', 255)), 'int32');
    },
    /** x, and a number or one per `axis`: x times it. */
    scaleAlong(x, a) {
      const input = core.cast(tensorAt(x, 0), 'float32');
      return core.mul(input, along(x, 1, input, number(a, 'axis', 1)));
    },
    /** Bytes a and b, and their zero points (per row of a, per column of b): their product, exact, in float32. */
    integerMatmul(x) {
      const [a, b] = [centred(x, 0, 2, -2), centred(x, 1, 3, -1)];
      wantFewTerms(a.shape.at(-1) ?? 0);
      return core.matmul(a, b);
    },
    /** Bytes x and w, and their zero points (that of w may be per output channel): the convolution, exact, in float32. */
    integerConv(x, a) {
      const [image, w] = [centred(x, 0, 2, 0), centred(x, 1, 3, 0)];
      wantFewTerms(sizeOf(w.shape.slice(1)));
      return core.conv(image, w, {
        ...windowOf(a),
        dilation: numbers(a, 'dilation'),
        groups: number(a, 'groups', 1),
      });
    },
  }),
};
