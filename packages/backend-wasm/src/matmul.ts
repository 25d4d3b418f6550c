import { type Kernels, sizeOf } from '@graftjs/core/backend';
import { produce, type Context } from './context.ts';
import { COLUMNS, DEPTH, HEIGHT, ROWS, WIDTH } from './agreed.ts';
import { panels } from './gemm.ts';
import type { WasmBuffer } from './memory.ts';

/** Words of scratch room per thread; in bytes in assembly/matmul.ts. */
const ROOM = HEIGHT * DEPTH + WIDTH * DEPTH + DEPTH + HEIGHT + WIDTH + ROWS * COLUMNS;

/** Nanoseconds per multiply-add, and per element of an operand that is packed. */
const MULTIPLY = 0.065;
const PACK = 0.5;

/** Rows (or columns) `step` apart, with neighbours in the depth `depthStep` apart; in elements. */
interface Matrix {
  readonly ptr: number;
  readonly step: number;
  readonly depthStep: number;
  readonly count: number;
  /** How far apart the results of neighbours are. */
  readonly resultStep: number;
}

export function matmulKernels(context: Context): Pick<Kernels<WasmBuffer>, 'matmul'> {
  return {
    matmul([a, b], { transposeA, transposeB }, y) {
      const [m, n] = y.shape.slice(-2) as [number, number];
      const k = a.spec.shape.at(transposeA ? -2 : -1)!;
      const count = sizeOf(y.shape);
      return produce(context, y, (to, scratch) => {
        if (k === 0) {
          context.split({ kernel: 'fillWords', args: [to, 0], count, grain: 4, cost: count });
          return;
        }
        if (count === 0) return;
        const rows: Matrix = {
          ptr: a.buffer.ptr,
          step: transposeA ? 1 : k,
          depthStep: transposeA ? m : 1,
          count: m,
          resultStep: n,
        };
        const columns: Matrix = {
          ptr: b.buffer.ptr,
          step: transposeB ? k : 1,
          depthStep: transposeB ? 1 : n,
          count: n,
          resultStep: 1,
        };
        // A tile has more columns than rows: the transposed product may fill its tiles better.
        const swapped = area(n, m) < 0.8 * area(m, n);
        const [p, q] = swapped ? [columns, rows] : [rows, columns];
        // Both operands' pieces are packed for each stretch of panels, so stretches should be long.
        const byRows = p.count > 4 * q.count;
        const parts = byRows ? panels(p.count, ROWS) / ROWS : panels(q.count, COLUMNS) / COLUMNS;
        const batch = count / (m * n);
        context.split({
          kernel: 'matmul',
          args: [
            ...[p.ptr, p.step, p.depthStep, p.count],
            ...[q.ptr, q.step, q.depthStep, q.count],
            ...[k, to, p.resultStep, q.resultStep, Number(byRows), scratch.words(context.threads * ROOM)],
          ],
          count: batch * parts,
          grain: Math.max(1, Math.ceil(parts / (2 * context.threads))),
          cost: batch * k * (MULTIPLY * area(p.count, q.count) + PACK * (m + n)),
        });
      });
    },
  };
}

/** Outputs of the tiles of a product. */
function area(rows: number, columns: number): number {
  return panels(rows, ROWS) * panels(columns, COLUMNS);
}
