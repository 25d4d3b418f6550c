import {
  broadcastStrides,
  collapse,
  convertInto,
  float32,
  forEachOuter,
  type Kernels,
  type Operand,
  sizeOf,
  type TensorSpec,
  type Walk,
} from '@graftjs/core/backend';
import { boolPairs, comparePairs, floatPairs, intPairs, type PairLoop } from './binary.ts';
import { bitsOf, type Allocator, type CpuBuffer } from './memory.ts';
import { floatLoops, intLoops } from './unary.ts';

type ElementwiseOp = 'unary' | 'binary' | 'compare' | 'select' | 'cast';

export function elementwiseKernels(memory: Allocator): Pick<Kernels<CpuBuffer>, ElementwiseOp> {
  return {
    unary([x], { kind }) {
      const from = x.buffer;
      const y = memory.alloc(x.spec.dtype, from.length);
      if (kind === 'not') for (let i = 0; i < y.length; i++) y[i] = from[i]! ^ 1;
      else if (from instanceof Float32Array) floatLoops[kind](from, y as Float32Array, y.length);
      else intLoops[kind as keyof typeof intLoops](from as Int32Array, y as Int32Array, y.length);
      return y;
    },

    binary([a, b], { kind }, y) {
      const to = memory.alloc(y.dtype, sizeOf(y.shape));
      const loop =
        y.dtype === 'float32'
          ? kind === 'pow'
            ? pow
            : floatPairs[kind]
          : y.dtype === 'int32'
            ? intPairs[kind as keyof typeof intPairs]
            : boolPairs[kind as keyof typeof boolPairs];
      forPairs(a, b, y, to, loop as PairLoop<CpuBuffer, CpuBuffer>);
      return to;
    },

    compare([a, b], { kind }, y) {
      const to = memory.alloc('bool', sizeOf(y.shape));
      forPairs(a, b, y, to, comparePairs[kind] as PairLoop<CpuBuffer, CpuBuffer>);
      return to;
    },

    select(inputs, _, y) {
      const to = memory.alloc(y.dtype, sizeOf(y.shape));
      const [condition, a, b] = inputs.map((t) => t.buffer) as [Uint8Array, CpuBuffer, CpuBuffer];
      const walk = broadcast(inputs, y);
      const rank = walk.shape.length;
      const columns = walk.shape[rank - 1] ?? 1;
      const [sc, sa, sb] = walk.strides.map((s) => s[rank - 1] ?? 0) as [number, number, number];
      const [x, z, out] = [bits(a), bits(b), bits(to)];
      let k = 0;
      forEachOuter(walk, 1, ([c, i, j]) => {
        select(condition, c, sc, x, i, sa, z, j, sb, out, k, columns);
        k += columns;
      });
      return to;
    },

    cast([x], { dtype }) {
      const y = memory.alloc(dtype, x.buffer.length);
      convertInto(x.buffer, y);
      return y;
    },
  };
}

function broadcast(inputs: readonly Operand<CpuBuffer>[], y: TensorSpec): Walk {
  return collapse({
    shape: y.shape,
    strides: inputs.map((t) => broadcastStrides(t.spec.shape, y.shape.length)),
  });
}

/**
 * Runs a pair loop over two operands that broadcast to `y`. Equal shapes and scalars collapse to one row, a vector per
 * channel to one plane (channels-last) or a plane per sample (channels-first).
 */
function forPairs(
  a: Operand<CpuBuffer>,
  b: Operand<CpuBuffer>,
  y: TensorSpec,
  to: CpuBuffer,
  loop: PairLoop<CpuBuffer, CpuBuffer>,
): void {
  const walk = broadcast([a, b], y);
  const rank = walk.shape.length;
  const rows = walk.shape[rank - 2] ?? 1;
  const columns = walk.shape[rank - 1] ?? 1;
  const [sa, sb] = walk.strides as [number[], number[]];
  let k = 0;
  forEachOuter(walk, 2, ([i, j]) => {
    loop(
      a.buffer,
      i,
      sa[rank - 2] ?? 0,
      sa[rank - 1] ?? 0,
      b.buffer,
      j,
      sb[rank - 2] ?? 0,
      sb[rank - 1] ?? 0,
      to,
      k,
      rows,
      columns,
    );
    k += rows * columns;
  });
}

const pow: PairLoop<Float32Array, Float32Array> = (a, i, i1, i0, b, j, j1, j0, y, k, rows, columns) => {
  for (let r = 0; r < rows; r++, i += i1, j += j1) {
    for (let c = 0, p = i, q = j; c < columns; c++, p += i0, q += j0) y[k++] = float32.pow(a[p]!, b[q]!);
  }
};

/** Bits are chosen rather than numbers: one loop for all types, and no branch to mispredict. */
type Bits = Int32Array | Uint8Array;
const bits = (x: CpuBuffer): Bits => (x instanceof Uint8Array ? x : bitsOf(x));

function select(
  condition: Uint8Array,
  c: number,
  sc: number,
  a: Bits,
  i: number,
  sa: number,
  b: Bits,
  j: number,
  sb: number,
  y: Bits,
  k: number,
  n: number,
): void {
  for (const end = k + n; k < end; k++, c += sc, i += sa, j += sb) {
    const other = b[j]!;
    y[k] = other ^ ((a[i]! ^ other) & -condition[c]!);
  }
}
