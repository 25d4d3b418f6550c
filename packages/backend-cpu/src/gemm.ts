/**
 * The matrix product behind every dense kernel: C[i, j] = Σₖ A[i, k] · B[k, j], k ascending, one accumulator per output,
 * each product and each sum rounded to float32.
 *
 * Operands are first copied ("packed") into panels, in the order in which the inner loop reads them: four rows of A
 * side by side, two columns of B side by side, k by k. Panels are float64: the values are float32, but V8 computes
 * `Math.fround(a * b)` as a double product and a conversion, so an operand that is a double already saves one more
 * conversion. The conversions bound the speed (four per multiply-add); caches hardly matter.
 */
const f = Math.fround;

/** Rows and columns of a tile of outputs; their accumulators stay in registers. */
const ROWS = 4;
export const COLUMNS = 2;

/** Doubles in a block of packed A: 512 KiB. */
const BLOCK = 65536;

/** How many of m rows of depth k to pack at once: a multiple of the tile's. */
export function rowsPerBlock(m: number, k: number): number {
  const fit = Math.max(1, Math.floor(BLOCK / (ROWS * Math.max(k, 1))));
  return ROWS * Math.min(fit, Math.ceil(m / ROWS));
}

/** What happens to an output: begin at +0; go on from its value; begin at +0 and add the result to its value. */
export type Start = 'zero' | 'continue' | 'add';

/** Outputs of a tile that hangs over the edge; only those that exist are copied. */
const edge = new Float32Array(ROWS * COLUMNS);

/**
 * Multiplies m packed rows by n packed columns. Output (i, j) is `c[base + rows[i] + j · columnStep]`.
 */
export function multiply(
  a: Float64Array,
  m: number,
  b: Float64Array,
  bStart: number,
  n: number,
  k: number,
  c: Float32Array,
  base: number,
  rows: Int32Array,
  columnStep: number,
  start: Start,
): void {
  for (let j = 0; j < n; j += COLUMNS) {
    const columns = Math.min(COLUMNS, n - j);
    const at = base + j * columnStep;
    const ib = bStart + j * k;
    for (let i = 0; i < m; i += ROWS) {
      const height = Math.min(ROWS, m - i);
      if (columns === COLUMNS && height === ROWS) {
        const r1 = at + rows[i + 1]!;
        tile(
          k,
          a,
          i * k,
          b,
          ib,
          c,
          at + rows[i]!,
          r1,
          at + rows[i + 2]!,
          at + rows[i + 3]!,
          columnStep,
          start,
        );
        continue;
      }
      for (let r = 0; r < height; r++) {
        for (let q = 0; q < columns; q++) edge[r * COLUMNS + q] = c[at + rows[i + r]! + q * columnStep]!;
      }
      tile(k, a, i * k, b, ib, edge, 0, COLUMNS, 2 * COLUMNS, 3 * COLUMNS, 1, start);
      for (let r = 0; r < height; r++) {
        for (let q = 0; q < columns; q++) c[at + rows[i + r]! + q * columnStep] = edge[r * COLUMNS + q]!;
      }
    }
  }
}

/** 4 × 2 outputs: row r's first is `c[rr]`, its second `step` further on. */
function tile(
  k: number,
  a: Float64Array,
  ia: number,
  b: Float64Array,
  ib: number,
  c: Float32Array,
  r0: number,
  r1: number,
  r2: number,
  r3: number,
  step: number,
  start: Start,
): void {
  const resume = start === 'continue';
  let c00 = resume ? c[r0]! : 0;
  let c01 = resume ? c[r0 + step]! : 0;
  let c10 = resume ? c[r1]! : 0;
  let c11 = resume ? c[r1 + step]! : 0;
  let c20 = resume ? c[r2]! : 0;
  let c21 = resume ? c[r2 + step]! : 0;
  let c30 = resume ? c[r3]! : 0;
  let c31 = resume ? c[r3 + step]! : 0;
  for (const end = ia + ROWS * k; ia < end; ia += ROWS, ib += COLUMNS) {
    const b0 = b[ib]!;
    const b1 = b[ib + 1]!;
    const a0 = a[ia]!;
    c00 = f(c00 + f(a0 * b0));
    c01 = f(c01 + f(a0 * b1));
    const a1 = a[ia + 1]!;
    c10 = f(c10 + f(a1 * b0));
    c11 = f(c11 + f(a1 * b1));
    const a2 = a[ia + 2]!;
    c20 = f(c20 + f(a2 * b0));
    c21 = f(c21 + f(a2 * b1));
    const a3 = a[ia + 3]!;
    c30 = f(c30 + f(a3 * b0));
    c31 = f(c31 + f(a3 * b1));
  }
  const add = start === 'add';
  c[r0] = add ? c[r0]! + c00 : c00;
  c[r0 + step] = add ? c[r0 + step]! + c01 : c01;
  c[r1] = add ? c[r1]! + c10 : c10;
  c[r1 + step] = add ? c[r1 + step]! + c11 : c11;
  c[r2] = add ? c[r2]! + c20 : c20;
  c[r2 + step] = add ? c[r2 + step]! + c21 : c21;
  c[r3] = add ? c[r3]! + c30 : c30;
  c[r3 + step] = add ? c[r3 + step]! + c31 : c31;
}

/** Doubles that n packed columns of depth k take. */
export function packedColumns(n: number, k: number): number {
  return Math.ceil(n / COLUMNS) * COLUMNS * k;
}

/** Packs columns: element (k, j) is `x[base + j · columnStep + depth[k]]`. */
export function packColumns(
  x: Float32Array,
  base: number,
  columnStep: number,
  n: number,
  depth: Int32Array,
  k: number,
  to: Float64Array,
  start: number,
): void {
  let t = start;
  for (let j = 0; j < n; j += COLUMNS) {
    const s0 = base + j * columnStep;
    const s1 = s0 + columnStep;
    if (j + 1 < n) {
      for (let p = 0; p < k; p++, t += COLUMNS) {
        to[t] = x[s0 + depth[p]!]!;
        to[t + 1] = x[s1 + depth[p]!]!;
      }
    } else {
      for (let p = 0; p < k; p++, t += COLUMNS) {
        to[t] = x[s0 + depth[p]!]!;
        to[t + 1] = 0;
      }
    }
  }
}

/**
 * Packs rows whose depth runs over taps and, inside a tap, over channels: element (i, tap · channels + c) is
 * `x[base + offsets[tap · m + i] + c · channelStep]`, or 0 where that offset is negative. Rows past m are 0.
 */
export function packPatches(
  x: Float32Array,
  base: number,
  channels: number,
  channelStep: number,
  offsets: Int32Array,
  taps: number,
  m: number,
  to: Float64Array,
): void {
  let t = 0;
  for (let i = 0; i < m; i += ROWS) {
    const full = i + ROWS <= m;
    for (let tap = 0; tap < taps; tap++) {
      const at = tap * m + i;
      const o0 = offsets[at]!;
      const o1 = i + 1 < m ? offsets[at + 1]! : -1;
      const o2 = i + 2 < m ? offsets[at + 2]! : -1;
      const o3 = full ? offsets[at + 3]! : -1;
      let s = base;
      if ((o0 | o1 | o2 | o3) >= 0) {
        for (let c = 0; c < channels; c++, t += ROWS, s += channelStep) {
          to[t] = x[s + o0]!;
          to[t + 1] = x[s + o1]!;
          to[t + 2] = x[s + o2]!;
          to[t + 3] = x[s + o3]!;
        }
      } else {
        for (let c = 0; c < channels; c++, t += ROWS, s += channelStep) {
          to[t] = o0 < 0 ? 0 : x[s + o0]!;
          to[t + 1] = o1 < 0 ? 0 : x[s + o1]!;
          to[t + 2] = o2 < 0 ? 0 : x[s + o2]!;
          to[t + 3] = o3 < 0 ? 0 : x[s + o3]!;
        }
      }
    }
  }
}

/**
 * Packs rows whose depth runs over positions: row r is channel r mod `channels` under tap ⌊r / channels⌋, and element
 * (r, p) is `x[base + offsets[tap · k + p] + channel · channelStep]`, or 0 where that offset is negative. Packs rows
 * `first` to `first + m`; rows past them are 0.
 */
export function packPatchesAcross(
  x: Float32Array,
  base: number,
  channels: number,
  channelStep: number,
  offsets: Int32Array,
  k: number,
  first: number,
  m: number,
  to: Float64Array,
): void {
  for (let i = 0; i < m; i += ROWS) {
    const t = i * k;
    const r = first + i;
    const channel = r % channels;
    if (i + ROWS <= m && channel + ROWS <= channels) {
      const o = ((r - channel) / channels) * k;
      packFourChannels(x, base + channel * channelStep, channelStep, offsets, o, k, to, t);
    } else {
      for (let q = 0; q < ROWS; q++) {
        if (i + q >= m) for (let p = 0; p < k; p++) to[t + p * ROWS + q] = 0;
        else {
          const c = (r + q) % channels;
          const o = ((r + q - c) / channels) * k;
          packChannel(x, base + c * channelStep, offsets, o, k, to, t + q);
        }
      }
    }
  }
}

function packFourChannels(
  x: Float32Array,
  base: number,
  channelStep: number,
  offsets: Int32Array,
  o: number,
  k: number,
  to: Float64Array,
  t: number,
): void {
  for (let p = 0; p < k; p++, t += ROWS) {
    const at = offsets[o + p]!;
    if (at < 0) {
      to[t] = 0;
      to[t + 1] = 0;
      to[t + 2] = 0;
      to[t + 3] = 0;
    } else {
      const s = base + at;
      to[t] = x[s]!;
      to[t + 1] = x[s + channelStep]!;
      to[t + 2] = x[s + 2 * channelStep]!;
      to[t + 3] = x[s + 3 * channelStep]!;
    }
  }
}

function packChannel(
  x: Float32Array,
  base: number,
  offsets: Int32Array,
  o: number,
  k: number,
  to: Float64Array,
  t: number,
): void {
  for (let p = 0; p < k; p++, t += ROWS) {
    const at = offsets[o + p]!;
    to[t] = at < 0 ? 0 : x[base + at]!;
  }
}
