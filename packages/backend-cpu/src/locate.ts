import type { Grid } from '@graftjs/core/backend';

/**
 * For positions `first` to `first + m` (row-major, sample by sample): `offsets[tap · m + i]` is where position i
 * finds the tap in `from`, or −1 outside; `rows[i]` is where its result goes in `to`. Channels come on top.
 */
export function locate(grid: Grid, first: number, m: number, offsets: Int32Array, rows: Int32Array): void {
  const { from, to, step, toStart, toStep } = grid;
  const [, height, width] = grid.count;
  const [inD, inH, inW] = from.extent;
  const taps = grid.taps.length;
  const tz = Int32Array.from(grid.taps, (t) => t[0]);
  const ty = Int32Array.from(grid.taps, (t) => t[1]);
  const tx = Int32Array.from(grid.taps, (t) => t[2]);
  let x = first % width;
  let rest = (first - x) / width;
  let y = rest % height;
  rest = (rest - y) / height;
  let z = rest % grid.count[0];
  let n = (rest - z) / grid.count[0];
  for (let i = 0; i < m; i++) {
    rows[i] =
      n * to.batchStep +
      (toStart[0] + z * toStep[0]) * to.step[0] +
      (toStart[1] + y * toStep[1]) * to.step[1] +
      (toStart[2] + x * toStep[2]) * to.step[2];
    for (let t = 0; t < taps; t++) {
      const iz = z * step[0] + tz[t]!;
      const iy = y * step[1] + ty[t]!;
      const ix = x * step[2] + tx[t]!;
      const inside = iz >= 0 && iz < inD && iy >= 0 && iy < inH && ix >= 0 && ix < inW;
      offsets[t * m + i] = inside
        ? n * from.batchStep + iz * from.step[0] + iy * from.step[1] + ix * from.step[2]
        : -1;
    }
    if (++x < width) continue;
    x = 0;
    if (++y < height) continue;
    y = 0;
    if (++z < grid.count[0]) continue;
    z = 0;
    n++;
  }
}
