import { sizeOf, type Kernels } from '@graftjs/core';
import { produce, type Context } from './context.ts';
import { COLUMNS, EDGE, panels, ROWS, sequence } from './gemm.ts';
import type { Scratch, WasmBuffer } from './memory.ts';

/** Depth and width of a piece of the right operand, and rows of the left: they stay in the second-level cache. */
const DEPTH = 512;
const WIDTH = 512;
const HEIGHT = 128;

/** Rows (or columns) `step` apart, with neighbours in the depth `depthStep` apart; in elements. */
interface Matrix {
  readonly ptr: number;
  readonly step: number;
  readonly depthStep: number;
  readonly count: number;
}

interface Result {
  readonly ptr: number;
  readonly rowStep: number;
  readonly columnStep: number;
}

export function matmulKernels(context: Context): Pick<Kernels<WasmBuffer>, 'matmul'> {
  return {
    matmul([a, b], { transposeA, transposeB }, [y]) {
      const [m, n] = y!.shape.slice(-2) as [number, number];
      const k = a!.spec.shape.at(transposeA ? -2 : -1)!;
      const batch = sizeOf(y!.shape.slice(0, -2));
      return produce(context, y!, (to, scratch) => {
        if (k === 0) context.wasm.fill32(to, sizeOf(y!.shape), 0);
        const run = product(context, scratch, Math.max(m, n), k);
        for (let s = 0; s < batch; s++) {
          const rows: Matrix = {
            ptr: a!.buffer.ptr + 4 * s * m * k,
            step: transposeA ? 1 : k,
            depthStep: transposeA ? m : 1,
            count: m,
          };
          const columns: Matrix = {
            ptr: b!.buffer.ptr + 4 * s * k * n,
            step: transposeB ? k : 1,
            depthStep: transposeB ? 1 : n,
            count: n,
          };
          const ptr = to + 4 * s * m * n;
          // A tile has more columns than rows: few columns are better taken as the rows of the transposed product.
          if (n >= COLUMNS || m < n) run(rows, columns, { ptr, rowStep: n, columnStep: 1 });
          else run(columns, rows, { ptr, rowStep: 1, columnStep: n });
        }
      });
    },
  };
}

function product({ wasm }: Context, scratch: Scratch, most: number, k: number) {
  const deep = Math.min(k, DEPTH);
  const packedA = scratch.words(panels(Math.min(most, HEIGHT), ROWS) * deep);
  const packedB = scratch.words(panels(Math.min(most, WIDTH), COLUMNS) * deep);
  const depth = scratch.words(deep);
  const rows = scratch.words(most);
  const columns = scratch.words(most);
  const edge = scratch.words(EDGE);
  return (a: Matrix, b: Matrix, to: Result): void => {
    sequence(wasm, rows, a.count, to.rowStep);
    sequence(wasm, columns, b.count, to.columnStep);
    for (let j = 0; j < b.count; j += WIDTH) {
      const n = Math.min(WIDTH, b.count - j);
      for (let p = 0; p < k; p += deep) {
        const d = Math.min(deep, k - p);
        sequence(wasm, depth, d, b.depthStep);
        wasm.packColumns(b.ptr + 4 * (j * b.step + p * b.depthStep), b.step, n, depth, d, packedB);
        sequence(wasm, depth, d, a.depthStep);
        for (let i = 0; i < a.count; i += HEIGHT) {
          const m = Math.min(HEIGHT, a.count - i);
          wasm.packRows(a.ptr + 4 * (i * a.step + p * a.depthStep), a.step, m, depth, d, packedA);
          const start = p ? 1 : 0;
          wasm.multiply(packedA, m, packedB, n, d, to.ptr, rows + 4 * i, columns + 4 * j, start, edge);
        }
      }
    }
  };
}
