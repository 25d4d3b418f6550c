/* Copies of eight channels side by side, with the padding around them, a strip of rows at a time. */

/** An activation and how it is copied; `sourceTable` in src/strip.ts writes these numbers. Steps are in elements. */
@unmanaged
export class Source {
  depth: i32;
  height: i32;
  width: i32;
  batchStep: i32;
  channelStep: i32;
  stepZ: i32;
  stepY: i32;
  stepX: i32;
  /** Lane r takes channel (r · sources + q) / share in copy q. */
  sources: i32;
  share: i32;
  /** Lanes in all; those past the last repeat it. */
  lanes: i32;
  /** Result positions in a strip, and how many strips there are, on the first and the second axis. */
  stripZ: i32;
  stripY: i32;
  stripsZ: i32;
  stripsY: i32;
  /** From one position to the next, and from position 0 to the first row that is copied, in rows of the activation. */
  strideZ: i32;
  strideY: i32;
  lowZ: i32;
  lowY: i32;
  /** Rows of a copy. */
  rowsZ: i32;
  rowsY: i32;
  rowBytes: i32;
  copyBytes: i32;
  /** Where each column of the activation goes in a row of the copy, in bytes; filled up to a multiple of four. */
  places: usize;

  /** Where the window of the position (jz, jy) of the strip begins in a copy, in bytes. */
  @inline
  row(jz: i32, jy: i32): usize {
    return <usize>((jz * this.strideZ * this.rowsY + jy * this.strideY) * this.rowBytes);
  }
}

/** Copies what positions from (jz, jy) on read of eight lanes of sample n, once for each source. */
export function packStrip(s: Source, x: usize, n: i32, block: i32, jz: i32, jy: i32, copy: usize): void {
  const lowZ = s.lowZ + jz * s.strideZ;
  const lowY = s.lowY + jy * s.strideY;
  for (let q = 0; q < s.sources; q++) {
    for (let z = lowZ; z < lowZ + s.rowsZ; z++) {
      for (let y = lowY; y < lowY + s.rowsY; y++, copy += s.rowBytes) {
        if (z < 0 || z >= s.depth || y < 0 || y >= s.height) memory.fill(copy, 0, s.rowBytes);
        else packRow(s, x, n * s.batchStep + z * s.stepZ + y * s.stepY, block, q, s.width, copy);
      }
    }
  }
}

/** Copies n neighbouring pixels, the first at element `at`, to their places after `to`. */
export function packRow(s: Source, x: usize, at: i32, block: i32, q: i32, n: i32, to: usize): void {
  const places = s.places;
  const end = places + (<usize>n << 2);
  x += <usize>at << 2;
  if (s.channelStep == 1 && s.sources == 1 && s.share == 1) {
    x += <usize>block << 5;
    const pixel = <usize>s.stepX << 2;
    for (let i = places; i < end; i += 4, x += pixel) {
      const t = to + <usize>load<i32>(i);
      v128.store(t, v128.load(x));
      v128.store(t, v128.load(x, 16), 16);
    }
  } else if (s.stepX == 1) {
    for (let lane = 0; lane < 8; lane += 4) {
      let x0 = x + start(s, block * 8 + lane, q);
      let x1 = x + start(s, block * 8 + lane + 1, q);
      let x2 = x + start(s, block * 8 + lane + 2, q);
      let x3 = x + start(s, block * 8 + lane + 3, q);
      for (let i = places; i < end; i += 16, x0 += 16, x1 += 16, x2 += 16, x3 += 16) {
        const r0 = v128.load(x0);
        const r1 = v128.load(x1);
        const r2 = v128.load(x2);
        const r3 = v128.load(x3);
        const low01 = i32x4.shuffle(r0, r1, 0, 4, 1, 5);
        const low23 = i32x4.shuffle(r2, r3, 0, 4, 1, 5);
        const high01 = i32x4.shuffle(r0, r1, 2, 6, 3, 7);
        const high23 = i32x4.shuffle(r2, r3, 2, 6, 3, 7);
        v128.store(to + <usize>load<i32>(i), i64x2.shuffle(low01, low23, 0, 2));
        v128.store(to + <usize>load<i32>(i, 4), i64x2.shuffle(low01, low23, 1, 3));
        v128.store(to + <usize>load<i32>(i, 8), i64x2.shuffle(high01, high23, 0, 2));
        v128.store(to + <usize>load<i32>(i, 12), i64x2.shuffle(high01, high23, 1, 3));
      }
      to += 16;
    }
  } else {
    const pixel = <usize>s.stepX << 2;
    for (let lane = 0; lane < 8; lane++, to += 4) {
      let t = x + start(s, block * 8 + lane, q);
      for (let i = places; i < end; i += 4, t += pixel) store<f32>(to + <usize>load<i32>(i), load<f32>(t));
    }
  }
}

/** Where a lane's channel begins, in bytes. */
@inline
function start(s: Source, lane: i32, q: i32): usize {
  const r = min(lane, s.lanes - 1) * s.sources + q;
  return <usize>((s.share == 1 ? r : r / s.share) * s.channelStep) << 2;
}
