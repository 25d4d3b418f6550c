import {
  broadcastStrides,
  collapse,
  KernelError,
  type Kernels,
  type Operand,
  type Shape,
  sizeOf,
  stridesOf,
  widen,
} from '@graftjs/core/backend';
import { SCATTERED } from './agreed.ts';
import { produce, type Context } from './context.ts';
import { BYTES, type Scratch, type WasmBuffer } from './memory.ts';
import type { KernelName } from './kernel-names.generated.ts';

type MovementOp =
  'reshape' | 'transpose' | 'slice' | 'pad' | 'concat' | 'broadcastTo' | 'gather' | 'scatterAdd';

/** Elements of a tile: of rows that are copied as they are, and the side of the square ones of a transposition. */
const TILE = 4096;
const SIDE = 32;

/** Nanoseconds per element of a copy: of neighbours, and of others. */
const NEAR = 0.3;
const FAR = 1;

/** Copies `shape` elements of `size` bytes from one strided place to another. */
export function copyStrided(
  context: Context,
  scratch: Scratch,
  size: number,
  shape: Shape,
  from: number,
  fromStrides: readonly number[],
  to: number,
  toStrides: readonly number[],
): void {
  const n = sizeOf(shape);
  if (n === 0) return;
  const walk = widen(collapse({ shape, strides: [fromStrides, toStrides] }), 2);
  const [s, t] = walk.strides as [readonly number[], readonly number[]];
  const last = walk.shape.length - 1;
  // The axis along which `from` has neighbours is the other one of the planes: then a transposition runs in blocks.
  const along = s[last] === 1 || s[last] === 0 ? -1 : s.indexOf(1);
  const order = walk.shape.map((_, axis) => axis);
  if (along >= 0 && along < last - 1) order.splice(last - 1, 0, ...order.splice(along, 1));
  const pick = (list: readonly number[]): number[] => order.map((axis) => list[axis]!);
  const [extents, sources, targets] = [pick(walk.shape), pick(s), pick(t)];
  const [rows, columns] = extents.slice(-2) as [number, number];
  const width = along >= 0 ? SIDE : Math.min(columns, TILE);
  const height = along >= 0 ? SIDE : Math.max(1, Math.floor(TILE / width));
  const outer = last - 1;
  const table =
    outer > 0 ? scratch.ints([extents, sources, targets].flatMap((list) => list.slice(0, outer))) : 0;
  const [s1, s0] = sources.slice(-2) as [number, number];
  const [t1, t0] = targets.slice(-2) as [number, number];
  context.split({
    kernel: 'copy',
    args: [size, from, s1, s0, to, t1, t0, rows, columns, height, width, outer, table],
    count: (n / (rows * columns)) * Math.ceil(rows / height) * Math.ceil(columns / width),
    cost: n * (s0 <= 1 ? NEAR : FAR),
  });
}

const bits = new DataView(new ArrayBuffer(4));

export function movementKernels(context: Context): Pick<Kernels<WasmBuffer>, MovementOp> {
  const { wasm, heap } = context;

  const checkIndices = (op: string, inputs: readonly Operand<WasmBuffer>[], extent: number): number => {
    const indices = inputs[1]!;
    const count = sizeOf(indices.spec.shape);
    const bad = wasm.badIndex(indices.buffer.ptr, count, extent);
    if (bad < 0) return count;
    const index = heap.int32(indices.buffer.ptr, count)[bad];
    const specs = inputs.map((t) => t.spec);
    throw new KernelError(op, specs, new RangeError(`index ${index} is outside [0, ${extent})`));
  };

  return {
    reshape: ([x]) => x.buffer,

    transpose([x], { perm }, y) {
      const strides = stridesOf(x.spec.shape);
      const from = perm.map((p) => strides[p]!);
      return produce(context, y, (to, scratch) => {
        const size = BYTES[y.dtype];
        copyStrided(context, scratch, size, y.shape, x.buffer.ptr, from, to, stridesOf(y.shape));
      });
    },

    slice([x], { start, step }, y) {
      const strides = stridesOf(x.spec.shape);
      const size = BYTES[y.dtype];
      const from = x.buffer.ptr + size * start.reduce((sum, b, i) => sum + b * strides[i]!, 0);
      const steps = strides.map((s, i) => s * step[i]!);
      return produce(context, y, (to, scratch) =>
        copyStrided(context, scratch, size, y.shape, from, steps, to, stridesOf(y.shape)),
      );
    },

    pad([x], { before, interior, value }, y) {
      const strides = stridesOf(y.shape);
      const size = BYTES[y.dtype];
      const at = size * before.reduce((sum, b, i) => sum + b * strides[i]!, 0);
      const steps = strides.map((s, i) => s * (interior[i]! + 1));
      const { shape } = x.spec;
      return produce(context, y, (to, scratch) => {
        const n = sizeOf(y.shape);
        if (y.dtype === 'float32') bits.setFloat32(0, value);
        else bits.setInt32(0, value);
        const fill = (kernel: KernelName, word: number): void =>
          context.split({ kernel, args: [to, word], count: n, grain: 16, cost: n * NEAR });
        if (y.dtype === 'bool') fill('fillBytes', Number(value !== 0));
        else fill('fillWords', bits.getInt32(0));
        copyStrided(context, scratch, size, shape, x.buffer.ptr, stridesOf(shape), to + at, steps);
      });
    },

    concat(inputs, { axis }, y) {
      const strides = stridesOf(y.shape);
      const size = BYTES[y.dtype];
      return produce(context, y, (to, scratch) => {
        let at = to;
        for (const { buffer, spec } of inputs) {
          copyStrided(context, scratch, size, spec.shape, buffer.ptr, stridesOf(spec.shape), at, strides);
          at += size * spec.shape[axis]! * strides[axis]!;
        }
      });
    },

    broadcastTo([x], _, y) {
      const from = broadcastStrides(x.spec.shape, y.shape.length);
      return produce(context, y, (to, scratch) => {
        const size = BYTES[y.dtype];
        copyStrided(context, scratch, size, y.shape, x.buffer.ptr, from, to, stridesOf(y.shape));
      });
    },

    gather(inputs, { axis }, y) {
      const [x, indices] = inputs;
      const { shape } = x.spec;
      const extent = shape[axis]!;
      const count = checkIndices('gather', inputs, extent);
      const bytes = sizeOf(shape.slice(axis + 1)) * BYTES[y.dtype];
      const outer = sizeOf(shape.slice(0, axis));
      return produce(context, y, (to) => {
        const args = [x.buffer.ptr, indices.buffer.ptr, count, extent, bytes, to];
        const pieces = outer * count;
        // Pieces of bytes end where they end: no vector is written past them.
        context.split({ kernel: 'gather', args, count: pieces, cost: pieces * (3 + bytes * 0.1) });
      });
    },

    scatterAdd(inputs, { axis, size }, out) {
      const [y, indices] = inputs;
      const { shape } = y.spec;
      const count = checkIndices('scatterAdd', inputs, size);
      const inner = sizeOf(shape.slice(axis + 1));
      const outer = sizeOf(shape.slice(0, axis));
      return produce(context, out, (to) => {
        context.split({
          kernel: out.dtype === 'float32' ? 'scatterAdd_float' : 'scatterAdd_int',
          args: [y.buffer.ptr, indices.buffer.ptr, count, size, inner, to],
          count: sizeOf(out.shape) === 0 ? 0 : outer * Math.ceil(inner / SCATTERED),
          cost: outer * (count + size) * (3 + inner * 0.3),
        });
      });
    },
  };
}
