import { sizeOf, type Kernels } from '@graftjs/core';
import { multiply, packColumns, packedColumns, packPatches, rowsPerBlock } from './gemm.ts';
import type { Allocator, CpuBuffer } from './memory.ts';
import type { Workspace } from './workspace.ts';

/** Depth and columns of a piece of the right operand: 4 MiB packed. */
const DEPTH = 1024;
const WIDTH = 512;

export function matmulKernels(memory: Allocator, space: Workspace): Pick<Kernels<CpuBuffer>, 'matmul'> {
  return {
    matmul([a, b], { transposeA, transposeB }, [y]) {
      const to = memory.alloc('float32', sizeOf(y!.shape));
      const [m, n] = y!.shape.slice(-2) as [number, number];
      const k = a!.spec.shape.at(transposeA ? -2 : -1)!;
      if (k === 0) to.fill(0);
      const [rowStep, aDepth] = transposeA ? [1, m] : [k, 1];
      const [bDepth, columnStep] = transposeB ? [1, k] : [n, 1];
      const batch = sizeOf(y!.shape.slice(0, -2));
      for (let s = 0; s < batch; s++) {
        product(
          { x: a!.buffer as Float32Array, base: s * m * k, step: rowStep, depthStep: aDepth },
          { x: b!.buffer as Float32Array, base: s * k * n, step: columnStep, depthStep: bDepth },
          { m, n, k, to, base: s * m * n },
          space,
        );
      }
      return [to];
    },
  };
}

/** Rows (or columns) `step` apart, with neighbours in the depth `depthStep` apart. */
interface Matrix {
  readonly x: Float32Array;
  readonly base: number;
  readonly step: number;
  readonly depthStep: number;
}

interface Result {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly to: Float32Array;
  readonly base: number;
}

function product(a: Matrix, b: Matrix, { m, n, k, to, base }: Result, space: Workspace): void {
  const deep = Math.min(k, DEPTH);
  const wide = Math.min(n, WIDTH);
  const block = Math.min(rowsPerBlock(deep), m + 3);
  const packedA = space.floats('rows', (block + 3) * deep);
  const packedB = space.floats('columns', packedColumns(wide, deep));
  const depth = space.ints('depth', deep);
  const offsets = space.ints('offsets', block);
  const rows = space.ints('rows', block);
  for (let p = 0; p < deep; p++) depth[p] = p * b.depthStep;
  for (let j = 0; j < n; j += wide) {
    const columns = Math.min(wide, n - j);
    for (let p = 0; p < k; p += deep) {
      const d = Math.min(deep, k - p);
      packColumns(b.x, b.base + j * b.step + p * b.depthStep, b.step, columns, depth, d, packedB, 0);
      for (let i = 0; i < m; i += block) {
        const height = Math.min(block, m - i);
        for (let r = 0; r < height; r++) {
          offsets[r] = (i + r) * a.step;
          rows[r] = (i + r) * n;
        }
        packPatches(a.x, a.base + p * a.depthStep, d, a.depthStep, offsets, 1, height, packedA);
        multiply(packedA, height, packedB, 0, columns, d, to, base + j, rows, 1, p ? 'continue' : 'zero');
      }
    }
  }
}
