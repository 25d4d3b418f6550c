import type { BinaryKind, CompareKind } from '@graftjs/core/backend';
import type { CpuBuffer } from './memory.ts';

/**
 * Two nested loops over two operands: `rows` × `columns` elements, written to `y` from `k` on without gaps. `a` starts
 * at `i` and steps by `i1` per row and `i0` per column, `b` likewise; a step of 0 repeats.
 */
export type PairLoop<A, Y> = (
  a: A,
  i: number,
  i1: number,
  i0: number,
  b: A,
  j: number,
  j1: number,
  j0: number,
  y: Y,
  k: number,
  rows: number,
  columns: number,
) => void;

// One loop per kind and type: a shared loop that calls a function per element costs several times the arithmetic. They
// differ in the innermost line only; a store into a typed array rounds to float32, or wraps to int32.

export const floatPairs: Record<Exclude<BinaryKind, 'pow'>, PairLoop<Float32Array, Float32Array>> = {
  add(a, i, i1, i0, b, j, j1, j0, y, k, rows, columns) {
    for (let r = 0; r < rows; r++, i += i1, j += j1) {
      for (let c = 0, p = i, q = j; c < columns; c++, p += i0, q += j0) y[k++] = a[p]! + b[q]!;
    }
  },
  sub(a, i, i1, i0, b, j, j1, j0, y, k, rows, columns) {
    for (let r = 0; r < rows; r++, i += i1, j += j1) {
      for (let c = 0, p = i, q = j; c < columns; c++, p += i0, q += j0) y[k++] = a[p]! - b[q]!;
    }
  },
  mul(a, i, i1, i0, b, j, j1, j0, y, k, rows, columns) {
    for (let r = 0; r < rows; r++, i += i1, j += j1) {
      for (let c = 0, p = i, q = j; c < columns; c++, p += i0, q += j0) y[k++] = a[p]! * b[q]!;
    }
  },
  div(a, i, i1, i0, b, j, j1, j0, y, k, rows, columns) {
    for (let r = 0; r < rows; r++, i += i1, j += j1) {
      for (let c = 0, p = i, q = j; c < columns; c++, p += i0, q += j0) y[k++] = a[p]! / b[q]!;
    }
  },
  max(a, i, i1, i0, b, j, j1, j0, y, k, rows, columns) {
    for (let r = 0; r < rows; r++, i += i1, j += j1) {
      for (let c = 0, p = i, q = j; c < columns; c++, p += i0, q += j0) y[k++] = Math.max(a[p]!, b[q]!);
    }
  },
  min(a, i, i1, i0, b, j, j1, j0, y, k, rows, columns) {
    for (let r = 0; r < rows; r++, i += i1, j += j1) {
      for (let c = 0, p = i, q = j; c < columns; c++, p += i0, q += j0) y[k++] = Math.min(a[p]!, b[q]!);
    }
  },
};

export const intPairs: Record<Exclude<BinaryKind, 'pow' | 'div'>, PairLoop<Int32Array, Int32Array>> = {
  add(a, i, i1, i0, b, j, j1, j0, y, k, rows, columns) {
    for (let r = 0; r < rows; r++, i += i1, j += j1) {
      for (let c = 0, p = i, q = j; c < columns; c++, p += i0, q += j0) y[k++] = a[p]! + b[q]!;
    }
  },
  sub(a, i, i1, i0, b, j, j1, j0, y, k, rows, columns) {
    for (let r = 0; r < rows; r++, i += i1, j += j1) {
      for (let c = 0, p = i, q = j; c < columns; c++, p += i0, q += j0) y[k++] = a[p]! - b[q]!;
    }
  },
  mul(a, i, i1, i0, b, j, j1, j0, y, k, rows, columns) {
    for (let r = 0; r < rows; r++, i += i1, j += j1) {
      for (let c = 0, p = i, q = j; c < columns; c++, p += i0, q += j0) y[k++] = Math.imul(a[p]!, b[q]!);
    }
  },
  max(a, i, i1, i0, b, j, j1, j0, y, k, rows, columns) {
    for (let r = 0; r < rows; r++, i += i1, j += j1) {
      for (let c = 0, p = i, q = j; c < columns; c++, p += i0, q += j0) y[k++] = Math.max(a[p]!, b[q]!);
    }
  },
  min(a, i, i1, i0, b, j, j1, j0, y, k, rows, columns) {
    for (let r = 0; r < rows; r++, i += i1, j += j1) {
      for (let c = 0, p = i, q = j; c < columns; c++, p += i0, q += j0) y[k++] = Math.min(a[p]!, b[q]!);
    }
  },
};

/** AND and OR on 0 and 1. */
export const boolPairs: Record<'min' | 'max', PairLoop<Uint8Array, Uint8Array>> = {
  min(a, i, i1, i0, b, j, j1, j0, y, k, rows, columns) {
    for (let r = 0; r < rows; r++, i += i1, j += j1) {
      for (let c = 0, p = i, q = j; c < columns; c++, p += i0, q += j0) y[k++] = a[p]! & b[q]!;
    }
  },
  max(a, i, i1, i0, b, j, j1, j0, y, k, rows, columns) {
    for (let r = 0; r < rows; r++, i += i1, j += j1) {
      for (let c = 0, p = i, q = j; c < columns; c++, p += i0, q += j0) y[k++] = a[p]! | b[q]!;
    }
  },
};

/** `Number(…)` compiles to a flag read; `? 1 : 0` to a branch, which unordered data mispredicts (five times slower). */
export const comparePairs: Record<CompareKind, PairLoop<CpuBuffer, Uint8Array>> = {
  equal(a, i, i1, i0, b, j, j1, j0, y, k, rows, columns) {
    for (let r = 0; r < rows; r++, i += i1, j += j1) {
      for (let c = 0, p = i, q = j; c < columns; c++, p += i0, q += j0) y[k++] = Number(a[p]! === b[q]!);
    }
  },
  notEqual(a, i, i1, i0, b, j, j1, j0, y, k, rows, columns) {
    for (let r = 0; r < rows; r++, i += i1, j += j1) {
      for (let c = 0, p = i, q = j; c < columns; c++, p += i0, q += j0) y[k++] = Number(a[p]! !== b[q]!);
    }
  },
  less(a, i, i1, i0, b, j, j1, j0, y, k, rows, columns) {
    for (let r = 0; r < rows; r++, i += i1, j += j1) {
      for (let c = 0, p = i, q = j; c < columns; c++, p += i0, q += j0) y[k++] = Number(a[p]! < b[q]!);
    }
  },
  lessEqual(a, i, i1, i0, b, j, j1, j0, y, k, rows, columns) {
    for (let r = 0; r < rows; r++, i += i1, j += j1) {
      for (let c = 0, p = i, q = j; c < columns; c++, p += i0, q += j0) y[k++] = Number(a[p]! <= b[q]!);
    }
  },
  greater(a, i, i1, i0, b, j, j1, j0, y, k, rows, columns) {
    for (let r = 0; r < rows; r++, i += i1, j += j1) {
      for (let c = 0, p = i, q = j; c < columns; c++, p += i0, q += j0) y[k++] = Number(a[p]! > b[q]!);
    }
  },
  greaterEqual(a, i, i1, i0, b, j, j1, j0, y, k, rows, columns) {
    for (let r = 0; r < rows; r++, i += i1, j += j1) {
      for (let c = 0, p = i, q = j; c < columns; c++, p += i0, q += j0) y[k++] = Number(a[p]! >= b[q]!);
    }
  },
};
