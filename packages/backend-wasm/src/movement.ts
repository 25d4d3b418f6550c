import { KernelError, sizeOf, stridesOf, type Kernels, type Operand, type Shape } from '@graftjs/core';
import { broadcastStrides, collapse, widen } from '@graftjs/core/planning';
import { produce, type Context } from './context.ts';
import { BYTES, type Scratch, type WasmBuffer } from './memory.ts';

type MovementOp =
  'reshape' | 'transpose' | 'slice' | 'pad' | 'concat' | 'broadcastTo' | 'gather' | 'scatterAdd';

/** Copies `shape` elements of `size` bytes from one strided place to another. */
export function copyStrided(
  { wasm }: Context,
  scratch: Scratch,
  size: number,
  shape: Shape,
  from: number,
  fromStrides: readonly number[],
  to: number,
  toStrides: readonly number[],
): void {
  if (sizeOf(shape) === 0) return;
  const walk = widen(collapse({ shape, strides: [fromStrides, toStrides] }), 2);
  const rank = walk.shape.length;
  const table = scratch.ints([...walk.shape, ...walk.strides[0]!, ...walk.strides[1]!]);
  (size === 4 ? wasm.copy32 : wasm.copy8)(from, to, rank, table, scratch.words(rank));
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
    reshape: ([x]) => [x!.buffer],

    transpose([x], { perm }, [y]) {
      const strides = stridesOf(x!.spec.shape);
      const from = perm.map((p) => strides[p]!);
      return produce(context, y!, (to, scratch) => {
        const size = BYTES[y!.dtype];
        copyStrided(context, scratch, size, y!.shape, x!.buffer.ptr, from, to, stridesOf(y!.shape));
      });
    },

    slice([x], { start, step }, [y]) {
      const strides = stridesOf(x!.spec.shape);
      const size = BYTES[y!.dtype];
      const from = x!.buffer.ptr + size * start.reduce((sum, b, i) => sum + b * strides[i]!, 0);
      const steps = strides.map((s, i) => s * step[i]!);
      return produce(context, y!, (to, scratch) =>
        copyStrided(context, scratch, size, y!.shape, from, steps, to, stridesOf(y!.shape)),
      );
    },

    pad([x], { before, interior, value }, [y]) {
      const strides = stridesOf(y!.shape);
      const size = BYTES[y!.dtype];
      const at = size * before.reduce((sum, b, i) => sum + b * strides[i]!, 0);
      const steps = strides.map((s, i) => s * (interior[i]! + 1));
      const { shape } = x!.spec;
      return produce(context, y!, (to, scratch) => {
        const n = sizeOf(y!.shape);
        if (y!.dtype === 'float32') bits.setFloat32(0, value);
        else bits.setInt32(0, value);
        if (y!.dtype === 'bool') wasm.fill8(to, n, Number(value !== 0));
        else wasm.fill32(to, n, bits.getInt32(0));
        copyStrided(context, scratch, size, shape, x!.buffer.ptr, stridesOf(shape), to + at, steps);
      });
    },

    concat(inputs, { axis }, [y]) {
      const strides = stridesOf(y!.shape);
      const size = BYTES[y!.dtype];
      return produce(context, y!, (to, scratch) => {
        let at = to;
        for (const { buffer, spec } of inputs) {
          copyStrided(context, scratch, size, spec.shape, buffer.ptr, stridesOf(spec.shape), at, strides);
          at += size * spec.shape[axis]! * strides[axis]!;
        }
      });
    },

    broadcastTo([x], _, [y]) {
      const from = broadcastStrides(x!.spec.shape, y!.shape.length);
      return produce(context, y!, (to, scratch) => {
        const size = BYTES[y!.dtype];
        copyStrided(context, scratch, size, y!.shape, x!.buffer.ptr, from, to, stridesOf(y!.shape));
      });
    },

    gather(inputs, { axis }, [y]) {
      const [x, indices] = inputs as [Operand<WasmBuffer>, Operand<WasmBuffer>];
      const { shape } = x.spec;
      const extent = shape[axis]!;
      const count = checkIndices('gather', inputs, extent);
      const bytes = sizeOf(shape.slice(axis + 1)) * BYTES[y!.dtype];
      const outer = sizeOf(shape.slice(0, axis));
      return produce(context, y!, (to) => {
        wasm.gather(x.buffer.ptr, indices.buffer.ptr, count, extent, outer, bytes, to);
      });
    },

    scatterAdd(inputs, { axis, size }, [out]) {
      const [y, indices] = inputs as [Operand<WasmBuffer>, Operand<WasmBuffer>];
      const { shape } = y.spec;
      const count = checkIndices('scatterAdd', inputs, size);
      const inner = sizeOf(shape.slice(axis + 1));
      const outer = sizeOf(shape.slice(0, axis));
      const run = out!.dtype === 'float32' ? wasm.scatterAdd_float : wasm.scatterAdd_int;
      return produce(context, out!, (to) => {
        wasm.fill32(to, sizeOf(out!.shape), 0);
        run(y.buffer.ptr, indices.buffer.ptr, count, size, outer, inner, to);
      });
    },
  };
}
