import { type Kernels, sizeOf } from '@graftjs/core/backend';
import { COLUMNS, multiply, packColumns, packedColumns, packPatches, rowsPerBlock } from './gemm.ts';
import type { Allocator, CpuBuffer } from './memory.ts';
import type { Workspace } from './workspace.ts';

/** Depth and columns of a piece of the right operand: 4 MiB packed. */
const DEPTH = 1024;
const WIDTH = 512;

export function matmulKernels(memory: Allocator, space: Workspace): Pick<Kernels<CpuBuffer>, 'matmul'> {
  return {
    matmul([a, b], { transposeA, transposeB }, y) {
      const to = memory.alloc('float32', sizeOf(y.shape));
      const [m, n] = y.shape.slice(-2) as [number, number];
      const k = a.spec.shape.at(transposeA ? -2 : -1)!;
      if (k === 0) to.fill(0);
      const [rowStep, aDepth] = transposeA ? [1, m] : [k, 1];
      const [bDepth, columnStep] = transposeB ? [1, k] : [n, 1];
      const batch = sizeOf(y.shape.slice(0, -2));
      for (let s = 0; s < batch; s++) {
        const rows = {
          x: a.buffer as Float32Array,
          base: s * m * k,
          step: rowStep,
          depthStep: aDepth,
          count: m,
        };
        const columns = {
          x: b.buffer as Float32Array,
          base: s * k * n,
          step: columnStep,
          depthStep: bDepth,
          count: n,
        };
        const base = s * m * n;
        // A tile has more rows than columns: one or two rows are better taken as the columns of the transposed product.
        if (m > COLUMNS) product(rows, columns, k, { to, base, rowStep: n, columnStep: 1 }, space);
        else product(columns, rows, k, { to, base, rowStep: 1, columnStep: n }, space);
      }
      return to;
    },
  };
}

/** Rows (or columns) `step` apart, with neighbours in the depth `depthStep` apart. */
interface Matrix {
  readonly x: Float32Array;
  readonly base: number;
  readonly step: number;
  readonly depthStep: number;
  readonly count: number;
}

interface Result {
  readonly to: Float32Array;
  readonly base: number;
  readonly rowStep: number;
  readonly columnStep: number;
}

function product(a: Matrix, b: Matrix, k: number, result: Result, space: Workspace): void {
  const deep = Math.min(k, DEPTH);
  const wide = Math.min(b.count, WIDTH);
  const block = rowsPerBlock(a.count, deep);
  const packedA = space.floats('rows', block * deep);
  const packedB = space.floats('columns', packedColumns(wide, deep));
  const depth = space.ints('depth', deep);
  const offsets = space.ints('offsets', block);
  const rows = space.ints('rows', block);
  for (let p = 0; p < deep; p++) depth[p] = p * b.depthStep;
  for (let j = 0; j < b.count; j += wide) {
    const n = Math.min(wide, b.count - j);
    for (let p = 0; p < k; p += deep) {
      const d = Math.min(deep, k - p);
      packColumns(b.x, b.base + j * b.step + p * b.depthStep, b.step, n, depth, d, packedB, 0);
      for (let i = 0; i < a.count; i += block) {
        const m = Math.min(block, a.count - i);
        for (let r = 0; r < m; r++) {
          offsets[r] = (i + r) * a.step;
          rows[r] = (i + r) * result.rowStep;
        }
        packPatches(a.x, a.base + p * a.depthStep, d, a.depthStep, offsets, 1, m, packedA);
        const at = result.base + j * result.columnStep;
        multiply(
          packedA,
          m,
          packedB,
          0,
          n,
          d,
          result.to,
          at,
          rows,
          result.columnStep,
          p ? 'continue' : 'zero',
        );
      }
    }
  }
}
