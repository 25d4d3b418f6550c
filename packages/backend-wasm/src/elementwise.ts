import { sizeOf, type DType, type Kernels, type Operand, type TensorSpec } from '@graftjs/core';
import { broadcastStrides, collapse, forEachOuter, type Walk, widen } from '@graftjs/core/planning';
import { produce, type Context } from './context.ts';
import { BYTES, type WasmBuffer } from './memory.ts';
import type { KernelName } from './module.ts';

type ElementwiseOp = 'unary' | 'binary' | 'compare' | 'select' | 'cast';

const SHORT = { float32: 'float', int32: 'int', bool: 'bool' } as const;

/** Numbers of the kinds that `bools` in assembly/elementwise.ts knows. */
const BOOL_KINDS: Readonly<Record<string, number>> = {
  min: 0,
  max: 1,
  equal: 2,
  notEqual: 3,
  less: 4,
  lessEqual: 5,
};

export function elementwiseKernels(context: Context): Pick<Kernels<WasmBuffer>, ElementwiseOp> {
  const { wasm } = context;

  /** `kind` of two operands that broadcast to `y`, plane by plane. */
  const pairs = (a: Operand<WasmBuffer>, b: Operand<WasmBuffer>, kind: string, y: TensorSpec): WasmBuffer[] =>
    produce(context, y, (to) => {
      const dtype = a.spec.dtype;
      const walk = broadcast([a, b], y, 2);
      const rank = walk.shape.length;
      const [rows, columns] = walk.shape.slice(-2) as [number, number];
      const [sa, sb] = walk.strides as [number[], number[]];
      const [a1, a0, b1, b0] = [sa[rank - 2]!, sa[rank - 1]!, sb[rank - 2]!, sb[rank - 1]!];
      const [from, out] = [BYTES[dtype], BYTES[y.dtype]];
      const run =
        dtype === 'bool'
          ? wasm.bools.bind(null, BOOL_KINDS[kind]!)
          : wasm[`binary_${dtype === 'int32' ? 'int_' : ''}${kind}` as KernelName];
      let k = 0;
      forEachOuter(walk, 2, ([i, j]) => {
        const p = a.buffer.ptr + i! * from;
        const q = b.buffer.ptr + j! * from;
        run(p, a1, a0, q, b1, b0, to + k * out, rows, columns);
        k += rows * columns;
      });
    });

  return {
    unary([x], { kind }, [y]) {
      const name =
        x!.spec.dtype === 'int32' ? (`unary_int_${kind}` as KernelName) : (`unary_${kind}` as const);
      return produce(context, y!, (to) => void wasm[name](x!.buffer.ptr, to, sizeOf(y!.shape)));
    },

    binary: ([a, b], { kind }, [y]) => pairs(a!, b!, kind, y!),

    compare([a, b], { kind }, [y]) {
      if (kind === 'greater') return pairs(b!, a!, 'less', y!);
      if (kind === 'greaterEqual') return pairs(b!, a!, 'lessEqual', y!);
      return pairs(a!, b!, kind, y!);
    },

    select(inputs, _, [y]) {
      return produce(context, y!, (to) => {
        const [condition, a, b] = inputs.map((t) => t.buffer.ptr) as [number, number, number];
        const walk = broadcast(inputs, y!, 1);
        const columns = walk.shape.at(-1)!;
        const [sc, sa, sb] = walk.strides.map((s) => s.at(-1)!) as [number, number, number];
        const size = BYTES[y!.dtype];
        const run = size === 4 ? wasm.select32 : wasm.select8;
        let k = to;
        forEachOuter(walk, 1, ([c, i, j]) => {
          run(condition + c!, sc, a + i! * size, sa, b + j! * size, sb, k, columns);
          k += columns * size;
        });
      });
    },

    cast([x], { dtype }, [y]) {
      const from: DType = x!.spec.dtype;
      if (from === dtype) return [x!.buffer];
      const name = `cast_${SHORT[from]}_${SHORT[dtype]}` as KernelName;
      return produce(context, y!, (to) => void wasm[name](x!.buffer.ptr, to, sizeOf(y!.shape)));
    },
  };
}

function broadcast(inputs: readonly Operand<WasmBuffer>[], y: TensorSpec, rank: number): Walk {
  const strides = inputs.map((t) => broadcastStrides(t.spec.shape, y.shape.length));
  return widen(collapse({ shape: y.shape, strides }), rank);
}
