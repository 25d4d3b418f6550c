import { sizeOf, type DType, type Kernels, type Operand, type Shape, type TensorSpec } from '@graftjs/core';
import { broadcastStrides, collapse, widen } from '@graftjs/core/planning';
import { produce, type Context } from './context.ts';
import { BYTES, type Scratch, type WasmBuffer } from './memory.ts';
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

/** Elements that one vector of bytes holds: no two threads write in one. */
const GRAIN = 16;

/** Nanoseconds per element, where it is not those of memory. */
const COSTS: Readonly<Record<string, number>> = {
  exp: 2.5,
  expm1: 3.5,
  log: 3,
  log1p: 4,
  tanh: 4.5,
  erf: 4.5,
  sigmoid: 3.5,
  pow: 12,
};
const COST = 0.35;

export function elementwiseKernels(context: Context): Pick<Kernels<WasmBuffer>, ElementwiseOp> {
  /** A kernel that goes once over all elements. */
  const each = (kernel: KernelName, x: Operand<WasmBuffer>, y: TensorSpec, cost = COST): WasmBuffer[] =>
    produce(context, y, (to) => {
      const count = sizeOf(y.shape);
      context.split({ kernel, args: [x.buffer.ptr, to], count, grain: GRAIN, cost: cost * count });
    });

  /** `kind` of two operands that broadcast to `y`. */
  const pairs = (a: Operand<WasmBuffer>, b: Operand<WasmBuffer>, kind: string, y: TensorSpec): WasmBuffer[] =>
    produce(context, y, (to, scratch) => {
      const { dtype } = a.spec;
      const walk = broadcast(scratch, [a, b], y.shape);
      const [a1, a0, b1, b0] = walk.steps as [number, number, number, number];
      const operands = [a.buffer.ptr, a1, a0, b.buffer.ptr, b1, b0, to, ...walk.plane];
      const isBool = dtype === 'bool';
      context.split({
        kernel: isBool ? 'bools' : (`binary_${dtype === 'int32' ? 'int_' : ''}${kind}` as KernelName),
        args: isBool ? [BOOL_KINDS[kind]!, ...operands] : operands,
        count: walk.parts,
        cost: (COSTS[kind] ?? COST) * sizeOf(y.shape),
      });
    });

  return {
    unary([x], { kind }, [y]) {
      const int = x!.spec.dtype === 'int32';
      return each(int ? (`unary_int_${kind}` as KernelName) : `unary_${kind}`, x!, y!, COSTS[kind]);
    },

    binary: ([a, b], { kind }, [y]) => pairs(a!, b!, kind, y!),

    compare([a, b], { kind }, [y]) {
      if (kind === 'greater') return pairs(b!, a!, 'less', y!);
      if (kind === 'greaterEqual') return pairs(b!, a!, 'lessEqual', y!);
      return pairs(a!, b!, kind, y!);
    },

    select(inputs, _, [y]) {
      return produce(context, y!, (to, scratch) => {
        const [c, a, b] = inputs.map((t) => t.buffer.ptr) as [number, number, number];
        const walk = broadcast(scratch, inputs, y!.shape);
        const [c1, c0, a1, a0, b1, b0] = walk.steps as [number, number, number, number, number, number];
        context.split({
          kernel: BYTES[y!.dtype] === 4 ? 'select32' : 'select8',
          args: [c, c1, c0, a, a1, a0, b, b1, b0, to, ...walk.plane],
          count: walk.parts,
          cost: COST * sizeOf(y!.shape),
        });
      });
    },

    cast([x], { dtype }, [y]) {
      const from: DType = x!.spec.dtype;
      if (from === dtype) return [x!.buffer];
      return each(`cast_${SHORT[from]}_${SHORT[dtype]}` as KernelName, x!, y!);
    },
  };
}

/** As in assembly/walk.ts. */
const PIECE = 4096;

/** A walk as assembly/walk.ts wants it. */
interface Broadcast {
  /** Row step and column step of each operand. */
  readonly steps: readonly number[];
  /** Rows, columns, outer axes, and the table of these. */
  readonly plane: readonly [number, number, number, number];
  readonly parts: number;
}

function broadcast(scratch: Scratch, inputs: readonly Operand<WasmBuffer>[], shape: Shape): Broadcast {
  const n = sizeOf(shape);
  if (inputs.every((t) => sizeOf(t.spec.shape) === n)) {
    // Nothing repeats: the most frequent case, and the shortest way to it.
    const steps = inputs.flatMap(() => [0, 1]);
    return { steps, plane: [1, n, 0, 0], parts: Math.ceil(n / PIECE) };
  }
  const strides = inputs.map((t) => broadcastStrides(t.spec.shape, shape.length));
  const walk = widen(collapse({ shape, strides }), 2);
  const outer = walk.shape.length - 2;
  const [rows, columns] = walk.shape.slice(-2) as [number, number];
  const table = outer > 0 ? scratch.ints([walk.shape, ...walk.strides].flatMap((s) => s.slice(0, -2))) : 0;
  return {
    steps: walk.strides.flatMap((s) => s.slice(-2)),
    plane: [rows, columns, outer, table],
    parts: (n / Math.max(columns, 1)) * Math.ceil(columns / PIECE),
  };
}
