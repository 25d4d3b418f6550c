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
