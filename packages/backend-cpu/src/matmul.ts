import { sizeOf, type Kernels } from '@graftjs/core';
import type { Allocator, CpuBuffer } from './memory.ts';

const f = Math.fround;

export function matmulKernels(memory: Allocator): Pick<Kernels<CpuBuffer>, 'matmul'> {
  return {
    matmul([a, b], { transposeA, transposeB }, [y]) {
      const to = memory.alloc('float32', sizeOf(y!.shape));
      const [m, n] = y!.shape.slice(-2) as [number, number];
      const k = a!.spec.shape.at(transposeA ? -2 : -1)!;
      const batch = sizeOf(y!.shape.slice(0, -2));
      const x = a!.buffer as Float32Array;
      const w = b!.buffer as Float32Array;
      const [am, ak] = transposeA ? [1, m] : [k, 1];
      const [bk, bn] = transposeB ? [1, k] : [n, 1];
      for (let s = 0; s < batch; s++) {
        for (let i = 0; i < m; i++) {
          for (let j = 0; j < n; j++) {
            let acc = f(0);
            for (let p = 0; p < k; p++) {
              acc = f(acc + f(x[s * m * k + i * am + p * ak]! * w[s * k * n + p * bk + j * bn]!));
            }
            to[(s * m + i) * n + j] = acc;
          }
        }
      }
      return [to];
    },
  };
}
