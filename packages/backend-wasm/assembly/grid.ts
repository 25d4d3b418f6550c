/* Tables of offsets, in elements, for convolutions and pools. */

@inline
function int(table: usize, i: i32): i32 {
  return load<i32>(table + (<usize>i << 2));
}

/** start + z · sz + y · sy + x · sx for all positions of a d × h × w box, row-major. */
export function ramp(to: usize, start: i32, d: i32, h: i32, w: i32, sz: i32, sy: i32, sx: i32): void {
  for (let z = 0; z < d; z++)
    for (let y = 0; y < h; y++) {
      let value = start + z * sz + y * sy;
      for (let x = 0; x < w; x++, to += 4, value += sx) store<i32>(to, value);
    }
}

/**
 * The same, with −1 where the position, counted from the lowest corner (z, y, x), is outside an activation. `source` holds
 * the activation's three extents and three steps.
 */
export function box(to: usize, source: usize, lz: i32, ly: i32, lx: i32, d: i32, h: i32, w: i32): void {
  const inD = int(source, 0);
  const inH = int(source, 1);
  const inW = int(source, 2);
  for (let z = lz; z < lz + d; z++)
    for (let y = ly; y < ly + h; y++) {
      const rowInside = z >= 0 && z < inD && y >= 0 && y < inH;
      const row = z * int(source, 3) + y * int(source, 4);
      for (let x = lx; x < lx + w; x++, to += 4) {
        store<i32>(to, rowInside && x >= 0 && x < inW ? row + x * int(source, 5) : -1);
      }
    }
}

/**
 * For positions `first` to `first + m` of a grid (row-major, sample by sample): `offsets[tap · m + i]` is where position
 * i finds the tap, or −1 outside; `rows[i]` is where its result goes. `grid` holds, as triples or single numbers: count,
 * step, extent of the source, its steps, its batch step, steps of the result per position, its start, its batch step,
 * number of taps, and then the taps' triples.
 */
export function locate(grid: usize, first: i32, m: i32, offsets: usize, rows: usize): void {
  const height = int(grid, 1);
  const width = int(grid, 2);
  const depth = int(grid, 0);
  const stepZ = int(grid, 3);
  const stepY = int(grid, 4);
  const stepX = int(grid, 5);
  const inD = int(grid, 6);
  const inH = int(grid, 7);
  const inW = int(grid, 8);
  const sz = int(grid, 9);
  const sy = int(grid, 10);
  const sx = int(grid, 11);
  const fromBatch = int(grid, 12);
  const tz = int(grid, 13);
  const ty = int(grid, 14);
  const tx = int(grid, 15);
  const start = int(grid, 16);
  const toBatch = int(grid, 17);
  const taps = int(grid, 18);
  const list = grid + 19 * 4;
  for (let tap = -1; tap < taps; tap++) {
    const oz = tap < 0 ? 0 : int(list, tap * 3);
    const oy = tap < 0 ? 0 : int(list, tap * 3 + 1);
    const ox = tap < 0 ? 0 : int(list, tap * 3 + 2);
    let x = first % width;
    let rest = first / width;
    let y = rest % height;
    rest /= height;
    let z = rest % depth;
    let n = rest / depth;
    for (let i = 0; i < m; ) {
      // To the end of a row at a time.
      const run = min(width - x, m - i);
      if (tap < 0) {
        let to = n * toBatch + start + z * tz + y * ty + x * tx;
        for (let q = 0; q < run; q++, rows += 4, to += tx) store<i32>(rows, to);
      } else {
        const iz = z * stepZ + oz;
        const iy = y * stepY + oy;
        const inside = iz >= 0 && iz < inD && iy >= 0 && iy < inH;
        const row = n * fromBatch + iz * sz + iy * sy;
        let ix = x * stepX + ox;
        for (let q = 0; q < run; q++, offsets += 4, ix += stepX) {
          store<i32>(offsets, inside && ix >= 0 && ix < inW ? row + ix * sx : -1);
        }
      }
      i += run;
      x = 0;
      if (++y < height) continue;
      y = 0;
      if (++z < depth) continue;
      z = 0;
      n++;
    }
  }
}
