import { COLUMNS, DEPTH, HEIGHT, ROWS, WIDTH } from '../src/agreed';
import { multiply } from './gemm';
import { ramp } from './grid';
import { packColumns, packRows } from './pack';
import { own } from './thread';
import { element } from './walk';

/* Products of matrices in memory: pieces of both are packed and multiplied (gemm.ts). Steps are in elements. */

/** Bytes of scratch room that each thread needs; `ROOM` in src/matmul.ts is the same. */
const ROOM = 4 * (HEIGHT * DEPTH + WIDTH * DEPTH + DEPTH + HEIGHT + WIDTH + ROWS * COLUMNS);

/**
 * For each sample, y = a · b: a has m rows `aStep` apart and b has n columns `bStep` apart, each k deep; element (i, j)
 * of y is at i · rowStep + j · columnStep. A part is a panel: four rows where `byRows`, or else eight columns.
 */
export function matmul(
  a: usize,
  aStep: i32,
  aDepthStep: i32,
  m: i32,
  b: usize,
  bStep: i32,
  bDepthStep: i32,
  n: i32,
  k: i32,
  y: usize,
  rowStep: i32,
  columnStep: i32,
  byRows: i32,
  room: usize,
  begin: i32,
  end: i32,
): void {
  const lanes = byRows ? ROWS : COLUMNS;
  const extent = byRows ? m : n;
  const panels = (extent + lanes - 1) / lanes;
  for (let part = begin; part < end;) {
    const sample = part / panels;
    const first = (part % panels) * lanes;
    const last = min(first + (end - part) * lanes, extent);
    part += (last - first + lanes - 1) / lanes;
    const s = element(a, sample * m * k);
    const t = element(b, sample * k * n);
    const to = element(y, sample * m * n);
    if (byRows) {
      const c = element(to, first * rowStep);
      product(
        element(s, first * aStep),
        aStep,
        aDepthStep,
        last - first,
        t,
        bStep,
        bDepthStep,
        n,
        k,
        c,
        rowStep,
        columnStep,
        own(room, ROOM),
      );
    } else {
      const c = element(to, first * columnStep);
      product(
        s,
        aStep,
        aDepthStep,
        m,
        element(t, first * bStep),
        bStep,
        bDepthStep,
        last - first,
        k,
        c,
        rowStep,
        columnStep,
        own(room, ROOM),
      );
    }
  }
}

function product(
  a: usize,
  aStep: i32,
  aDepthStep: i32,
  m: i32,
  b: usize,
  bStep: i32,
  bDepthStep: i32,
  n: i32,
  k: i32,
  y: usize,
  rowStep: i32,
  columnStep: i32,
  room: usize,
): void {
  const packedA = room;
  const packedB = element(packedA, HEIGHT * DEPTH);
  const depth = element(packedB, WIDTH * DEPTH);
  const rows = element(depth, DEPTH);
  const columns = element(rows, HEIGHT);
  const edge = element(columns, WIDTH);
  ramp(rows, 0, 1, 1, min(m, HEIGHT), 0, 0, rowStep);
  ramp(columns, 0, 1, 1, min(n, WIDTH), 0, 0, columnStep);
  for (let j = 0; j < n; j += WIDTH) {
    const width = min(WIDTH, n - j);
    for (let p = 0; p < k; p += DEPTH) {
      const deep = min(DEPTH, k - p);
      ramp(depth, 0, 1, 1, deep, 0, 0, bDepthStep);
      packColumns(element(b, j * bStep + p * bDepthStep), bStep, width, depth, deep, packedB);
      ramp(depth, 0, 1, 1, deep, 0, 0, aDepthStep);
      for (let i = 0; i < m; i += HEIGHT) {
        const height = min(HEIGHT, m - i);
        packRows(element(a, i * aStep + p * aDepthStep), aStep, height, depth, deep, packedA);
        const c = element(y, i * rowStep + j * columnStep);
        multiply(packedA, height, packedB, width, deep, c, rows, columns, p ? 1 : 0, edge);
      }
    }
  }
}
