import {
  type DType,
  type Kernels,
  type Operand,
  type Shape,
  sizeOf,
  type TensorSpec,
} from '@graftjs/core/backend';
import { PIECE } from './agreed.ts';
import { produce, type Context } from './context.ts';
import { BYTES, type Scratch, type WasmBuffer } from './memory.ts';
import type { KernelName } from './kernel-names.generated.ts';

type ElementwiseOp = 'unary' | 'binary' | 'compare' | 'select' | 'cast';

const SHORT = { float32: 'float', int32: 'int', bool: 'bool' } as const;

/** Numbers of the kinds that `binary` in assembly/elementwise.ts knows, by element and name. */
const KINDS: Readonly<Record<DType, Readonly<Record<string, number>>>> = {
  float32: {
    ...{ add: 0, sub: 1, mul: 2, div: 3, max: 4, min: 5, pow: 6 },
    ...{ equal: 12, notEqual: 13, less: 14, lessEqual: 15 },
  },
  int32: {
    ...{ add: 7, sub: 8, mul: 9, max: 10, min: 11 },
    ...{ equal: 16, notEqual: 17, less: 18, lessEqual: 19 },
  },
  bool: { min: 20, max: 21, equal: 22, notEqual: 23, less: 24, lessEqual: 25 },
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
  const each = (kernel: KernelName, x: Operand<WasmBuffer>, y: TensorSpec, cost = COST): WasmBuffer =>
    produce(context, y, (to) => {
      const count = sizeOf(y.shape);
      context.split({ kernel, args: [x.buffer.ptr, to], count, grain: GRAIN, cost: cost * count });
    });

  /** `kind` of two operands that broadcast to `y`. */
  const pairs = (a: Operand<WasmBuffer>, b: Operand<WasmBuffer>, kind: string, y: TensorSpec): WasmBuffer =>
    produce(context, y, (to, scratch) => {
      const { dtype } = a.spec;
      const walk = broadcast(scratch, [a, b], y.shape);
      const [a1, a0, b1, b0] = walk.steps as [number, number, number, number];
      context.split({
        kernel: 'binary',
        args: [KINDS[dtype][kind]!, a.buffer.ptr, a1, a0, b.buffer.ptr, b1, b0, to, ...walk.plane],
        count: walk.parts,
        cost: (COSTS[kind] ?? COST) * sizeOf(y.shape),
      });
    });

  return {
    unary([x], { kind }, y) {
      const int = x.spec.dtype === 'int32';
      return each(int ? (`unary_int_${kind}` as KernelName) : `unary_${kind}`, x, y, COSTS[kind]);
    },

    binary: ([a, b], { kind }, y) => pairs(a, b, kind, y),

    compare([a, b], { kind }, y) {
      if (kind === 'greater') return pairs(b, a, 'less', y);
      if (kind === 'greaterEqual') return pairs(b, a, 'lessEqual', y);
      return pairs(a, b, kind, y);
    },

    select(inputs, _, y) {
      return produce(context, y, (to, scratch) => {
        const [c, a, b] = inputs.map((t) => t.buffer.ptr) as [number, number, number];
        const walk = broadcast(scratch, inputs, y.shape);
        const [c1, c0, a1, a0, b1, b0] = walk.steps as [number, number, number, number, number, number];
        context.split({
          kernel: 'select',
          args: [BYTES[y.dtype], c, c1, c0, a, a1, a0, b, b1, b0, to, ...walk.plane],
          count: walk.parts,
          cost: COST * sizeOf(y.shape),
        });
      });
    },

    cast([x], { dtype }, y) {
      const from: DType = x.spec.dtype;
      if (from === dtype) return x.buffer;
      return each(`cast_${SHORT[from]}_${SHORT[dtype]}` as KernelName, x, y);
    },
  };
}

/** A walk as assembly/walk.ts wants it. */
interface Broadcast {
  /** Row step and column step of each operand. */
  readonly steps: readonly number[];
  /** Rows, columns, outer axes, and the table of these. */
  readonly plane: readonly [number, number, number, number];
  readonly parts: number;
}

/*
 * The walk in as few axes as `collapse` finds, planned without garbage: a training step runs thousands of small ops, for
 * which planning is most of the time. The innermost axis comes first.
 */
const extents: number[] = [];
const strides: readonly number[][] = [[], [], []];
const own: number[] = [];

function broadcast(scratch: Scratch, inputs: readonly Operand<WasmBuffer>[], shape: Shape): Broadcast {
  const operands = inputs.length;
  let axes = 0;
  for (let j = 0; j < operands; j++) own[j] = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const extent = shape[axis]!;
    let merges = axes > 0;
    for (let j = 0; j < operands; j++) {
      const from = inputs[j]!.spec.shape;
      const at = axis - shape.length + from.length;
      const mine = at < 0 ? 1 : from[at]!;
      const stride = mine === 1 ? 0 : own[j]!;
      own[j]! *= mine;
      const list = strides[j]!;
      list[axes] = stride;
      merges &&= stride === list[axes - 1]! * extents[axes - 1]!;
    }
    if (extent === 1) continue;
    if (merges) extents[axes - 1]! *= extent;
    else extents[axes++] = extent;
  }
  for (; axes < 2; axes++) {
    extents[axes] = 1;
    for (let j = 0; j < operands; j++) strides[j]![axes] = 0;
  }
  const steps: number[] = [];
  for (let j = 0; j < operands; j++) steps.push(strides[j]![1]!, strides[j]![0]!);
  const columns = extents[0]!;
  // One column repeats nothing: where two operands do not step, that is why.
  if (columns === 1) for (let j = 0; j < operands; j++) steps[2 * j + 1] = 1;
  let parts = Math.ceil(columns / PIECE);
  for (let axis = 1; axis < axes; axis++) parts *= extents[axis]!;
  return { steps, plane: [extents[1]!, columns, axes - 2, outerTable(scratch, operands, axes)], parts };
}

/** The extents of the outer axes, outermost first, and each operand's strides over them. */
function outerTable(scratch: Scratch, operands: number, axes: number): number {
  if (axes === 2) return 0;
  const table: number[] = [];
  for (let axis = axes - 1; axis >= 2; axis--) table.push(extents[axis]!);
  for (let j = 0; j < operands; j++) {
    for (let axis = axes - 1; axis >= 2; axis--) table.push(strides[j]![axis]!);
  }
  return scratch.ints(table);
}
