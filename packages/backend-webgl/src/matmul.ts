import type { ActivationGeometry } from '@graftjs/core/backend';
import { correlate } from './correlate.ts';
import { textureOf, type GlKernels } from './kernels.ts';
import { pack, type Packed } from './pack.ts';

const activationOf = (batch: number, channels: number, positions: number): ActivationGeometry => ({
  batch,
  channels,
  extent: [1, 1, positions],
  channelsLast: true,
  batchStep: channels * positions,
  channelStep: 1,
  step: [channels * positions, channels * positions, channels],
});

/**
 * A product for each matrix of the batch: a convolution with one tap, whose groups are the batch. It reads rows outside and
 * groups inside, `[m, batch, k]`; a single matrix is that already.
 */
export const products: Pick<GlKernels, 'matmul'> = {
  matmul(work, [a, b], { transposeA, transposeB }, output) {
    const [m, n] = output.shape.slice(-2) as [number, number];
    const k = a.spec.shape.at(transposeA ? -2 : -1)!;
    const batch = output.shape.slice(0, -2).reduce((product, extent) => product * extent, 1);
    const fours = Math.ceil(k / 4);
    const left: Packed =
      batch === 1 && !transposeA && k % 4 === 0
        ? { texture: textureOf(a), fours }
        : {
            texture: work.scratch(
              pack(work, textureOf(a), a.spec, [
                { extent: 1, stride: 0 },
                { extent: m, stride: transposeA ? 1 : k },
                { extent: batch, stride: m * k },
                { extent: k, stride: transposeA ? m : 1 },
              ]),
            ),
            fours,
          };
    const columns = Math.ceil(n / 4);
    // As it is: in texels along n, or, transposed, along k.
    const plain = k % 4 === 0 && (transposeB || n % 4 === 0);
    const right: Packed = plain
      ? { texture: textureOf(b), fours: columns, ...(transposeB && { rows: n }) }
      : {
          texture: work.scratch(
            pack(work, textureOf(b), b.spec, [
              { extent: 1, stride: 0 },
              { extent: batch, stride: k * n },
              { extent: k, stride: transposeB ? 1 : n, filled: 4 * fours },
              { extent: n, stride: transposeB ? k : 1 },
            ]),
          ),
          fours: columns,
        };
    return correlate(
      work,
      left,
      right,
      {
        from: activationOf(1, k * batch, m),
        to: activationOf(1, n * batch, m),
        kernel: [1, 1, 1],
        classes: [1, 1, 1],
        step: [1, 1, 1],
        tapStart: [0, 0, 0],
        tapStep: [1, 1, 1],
        groupsFirst: true,
      },
      { groups: batch, depthwise: false },
      output,
    );
  },
};
