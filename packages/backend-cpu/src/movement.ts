import {
  broadcastStrides,
  KernelError,
  type Kernels,
  type Operand,
  sizeOf,
  stridesOf,
} from '@graftjs/core/backend';
import type { Allocator, CpuBuffer } from './memory.ts';
import { copyStrided } from './strided.ts';

type MovementOp =
  'reshape' | 'transpose' | 'slice' | 'pad' | 'concat' | 'broadcastTo' | 'gather' | 'scatterAdd';

export function movementKernels(memory: Allocator): Pick<Kernels<CpuBuffer>, MovementOp> {
  return {
    reshape: ([x]) => x.buffer,

    transpose([x], { perm }, y) {
      const to = memory.alloc(y.dtype, sizeOf(y.shape));
      const strides = stridesOf(x.spec.shape);
      copyStrided(
        x.buffer,
        0,
        perm.map((p) => strides[p]!),
        to,
        0,
        stridesOf(y.shape),
        y.shape,
      );
      return to;
    },

    slice([x], { start, step }, y) {
      const to = memory.alloc(y.dtype, sizeOf(y.shape));
      const strides = stridesOf(x.spec.shape);
      const from = start.reduce((sum, b, i) => sum + b * strides[i]!, 0);
      copyStrided(
        x.buffer,
        from,
        strides.map((s, i) => s * step[i]!),
        to,
        0,
        stridesOf(y.shape),
        y.shape,
      );
      return to;
    },

    pad([x], { before, interior, value }, y) {
      const to = memory.alloc(y.dtype, sizeOf(y.shape));
      to.fill(y.dtype === 'bool' ? Number(value !== 0) : value);
      const strides = stridesOf(y.shape);
      const at = before.reduce((sum, b, i) => sum + b * strides[i]!, 0);
      const shape = x.spec.shape;
      copyStrided(
        x.buffer,
        0,
        stridesOf(shape),
        to,
        at,
        strides.map((s, i) => s * (interior[i]! + 1)),
        shape,
      );
      return to;
    },

    concat(inputs, { axis }, y) {
      const to = memory.alloc(y.dtype, sizeOf(y.shape));
      const strides = stridesOf(y.shape);
      let at = 0;
      for (const { buffer, spec } of inputs) {
        copyStrided(buffer, 0, stridesOf(spec.shape), to, at, strides, spec.shape);
        at += spec.shape[axis]! * strides[axis]!;
      }
      return to;
    },

    broadcastTo([x], _, y) {
      const to = memory.alloc(y.dtype, sizeOf(y.shape));
      copyStrided(
        x.buffer,
        0,
        broadcastStrides(x.spec.shape, y.shape.length),
        to,
        0,
        stridesOf(y.shape),
        y.shape,
      );
      return to;
    },

    gather(inputs, { axis }, y) {
      const [x, indices] = inputs;
      const shape = x.spec.shape;
      const extent = shape[axis]!;
      checkIndices('gather', inputs, indices.buffer, extent);
      const to = memory.alloc(y.dtype, sizeOf(y.shape));
      const inner = sizeOf(shape.slice(axis + 1));
      const outer = sizeOf(shape.slice(0, axis));
      const count = indices.buffer.length;
      let t = 0;
      for (let o = 0; o < outer; o++) {
        for (let k = 0; k < count; k++) {
          const s = (o * extent + indices.buffer[k]!) * inner;
          if (inner >= 64) to.set(x.buffer.subarray(s, s + inner), t);
          else for (let i = 0; i < inner; i++) to[t + i] = x.buffer[s + i]!;
          t += inner;
        }
      }
      return to;
    },

    scatterAdd(inputs, { axis, size }, out) {
      const [y, indices] = inputs;
      const shape = y.spec.shape;
      checkIndices('scatterAdd', inputs, indices.buffer, size);
      const to = memory.zeros(out.dtype, sizeOf(out.shape));
      const inner = sizeOf(shape.slice(axis + 1));
      const outer = sizeOf(shape.slice(0, axis));
      const count = indices.buffer.length;
      let s = 0;
      for (let o = 0; o < outer; o++) {
        for (let k = 0; k < count; k++) {
          const t = (o * size + indices.buffer[k]!) * inner;
          // Storing rounds to float32, or wraps to int32: one rounding of the exact sum either way.
          for (let i = 0; i < inner; i++) to[t + i] = to[t + i]! + y.buffer[s + i]!;
          s += inner;
        }
      }
      return to;
    },
  };
}

function checkIndices(
  op: string,
  inputs: readonly Operand<CpuBuffer>[],
  indices: CpuBuffer,
  extent: number,
): void {
  for (const i of indices) {
    if (i >= 0 && i < extent) continue;
    const specs = inputs.map((t) => t.spec);
    throw new KernelError(op, specs, new RangeError(`index ${i} is outside [0, ${extent})`));
  }
}
