import { Affine } from './affine';
import { COLUMNS, ROWS } from '../src/agreed';
import { multiplySegments } from './gemm';
import { ADD, CONTINUE, ZERO } from './tile';
import { packPatches, packRows } from './pack';
import { Grid, locate } from './positions';
import { own } from './thread';
import { element } from './walk';

/* Weight gradients of dense convolutions as matrix products over positions. src/conv-plan.ts writes the tables. */

/** A weight gradient: per group, `size` output channels by `lanes` of tap and input channel. */
@unmanaged
class WeightProduct {
  groups: i32;
  size: i32;
  lanes: i32;
  /** Positions of a sample, and of a piece: of a sample at most, or several whole ones. */
  positions: i32;
  piece: i32;
  sourceGroup: i32;
  resultGroup: i32;
  resultLane: i32;
  /** Where the lanes read in the source; 0, lanes, 2 · lanes, …; 0, 1, 2, …. */
  sourceLanes: usize;
  rows: usize;
  columns: usize;
  scratchBytes: i32;
  grid: Grid;
}

/** Positions of the piece that begins at position `first` of some samples. */
@inline
function pieceAt(p: WeightProduct, first: i32, samples: i32): i32 {
  const all = samples * p.positions;
  return min(p.piece, p.piece < p.positions ? p.positions - (first % p.positions) : all - first);
}

/**
 * Packs the gradient of some samples, piece by piece and in a piece group by group, for all who need it. Parts are
 * panels of four output channels, group by group.
 */
export function packGradient(
  p: WeightProduct,
  gy: usize,
  packed: usize,
  samples: i32,
  scratch: usize,
  begin: i32,
  end: i32,
): void {
  const sources = own(scratch, p.scratchBytes);
  const results = sources + (<usize>(p.piece + 8) << 2);
  const panels = (p.size + ROWS - 1) / ROWS;
  for (let first = 0, count = 0; first < samples * p.positions; first += count) {
    count = pieceAt(p, first, samples);
    locate(p.grid, first, count, sources, results);
    const piece = element(packed, first * p.groups * panels * ROWS);
    for (let part = begin; part < end; part++) {
      const channel = (part % panels) * ROWS;
      const from = element(gy, (part / panels) * p.resultGroup + channel * p.resultLane);
      const to = element(piece, part * ROWS * count);
      packRows(from, p.resultLane, min(ROWS, p.size - channel), results, count, to);
    }
  }
}

/**
 * Adds the gradient of some samples to `total`, which begins at 0 if `fresh` and where lanes are tap by tap. The sum
 * over a sample with several pieces goes by way of `partial`. Parts are panels of eight lanes, group by group.
 */
export function multiplyPositions(
  p: WeightProduct,
  x: usize,
  packed: usize,
  total: usize,
  partial: usize,
  samples: i32,
  fresh: i32,
  scratch: usize,
  begin: i32,
  end: i32,
): void {
  const sources = own(scratch, p.scratchBytes);
  const results = sources + (<usize>(p.piece + 8) << 2);
  const edge = results + (<usize>(p.piece + 8) << 2);
  const b = edge + 128;
  const height = (p.size + ROWS - 1) & -ROWS;
  const panels = (p.lanes + COLUMNS - 1) / COLUMNS;
  const whole = p.piece >= p.positions;
  const none = changetype<Affine>(0);
  for (let first = 0, count = 0; first < samples * p.positions; first += count) {
    count = pieceAt(p, first, samples);
    const within = first % p.positions;
    const k = whole ? p.positions : count;
    const initial = fresh != 0 && first == 0;
    // A sum that began at +0 is never −0, so adding it to +0 is setting it.
    const start = whole ? (initial && k == count ? ZERO : ADD) : within ? CONTINUE : ZERO;
    locate(p.grid, first, count, sources, results);
    // Two panels at a time, as `multiplySegments` likes them.
    for (let part = begin, many = 0; part < end; part += many) {
      const group = part / panels;
      const panel = part % panels;
      many = min(2, min(end - part, panels - panel));
      const lane = panel * COLUMNS;
      const n = min(many * COLUMNS, p.lanes - lane);
      const at = group * p.size * p.lanes;
      const sum = element(total, at + lane);
      if (initial && (k < count || !whole)) clearLanes(p, n, sum);
      packPatches(element(x, group * p.sourceGroup), element(p.sourceLanes, lane), n, sources, count, b);
      const a = element(packed, (first * p.groups + group * count) * height);
      const to = element(whole ? total : partial, at);
      multiplySegments(a, p.size, b, n, k, count / k, to, p.rows, element(p.columns, lane), start, edge, none, 0);
      if (!whole && within + count == p.positions) addLanes(p, element(partial, at + lane), n, sum);
    }
  }
}

function clearLanes(p: WeightProduct, n: i32, to: usize): void {
  for (let row = 0; row < p.size; row++, to += <usize>(p.lanes - n) << 2) {
    for (let i = 0; i < n; i++, to += 4) store<f32>(to, 0);
  }
}

function addLanes(p: WeightProduct, from: usize, n: i32, to: usize): void {
  const next = <usize>(p.lanes - n) << 2;
  for (let row = 0; row < p.size; row++, from += next, to += next) {
    for (let i = 0; i < n; i++, from += 4, to += 4) store<f32>(to, load<f32>(to) + load<f32>(from));
  }
}

/** From `total`, where channels are neighbours, to the weights' order, where taps are. Parts are output channels. */
export function placeWeights(total: usize, channels: i32, taps: i32, to: usize, begin: i32, end: i32): void {
  const size = channels * taps;
  for (let row = begin; row < end; row++) {
    for (let t = 0, s = element(total, row * size); t < taps; t++) {
      for (let c = 0, e = element(to, row * size + t); c < channels; c++, s += 4, e += <usize>taps << 2)
        store<f32>(e, load<f32>(s));
    }
  }
}
