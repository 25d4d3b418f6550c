/** start + z · sz + y · sy + x · sx for all positions of a d × h × w box, row-major. */
export function ramp(to: usize, start: i32, d: i32, h: i32, w: i32, sz: i32, sy: i32, sx: i32): void {
  for (let z = 0; z < d; z++)
    for (let y = 0; y < h; y++) {
      let value = start + z * sz + y * sy;
      for (let x = 0; x < w; x++, to += 4, value += sx) store<i32>(to, value);
    }
}
