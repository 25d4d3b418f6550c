import {
  type ActivationGeometry,
  activationGeometry,
  averageDivisors,
  forwardGrid,
  type Kernels,
  type PoolAttrs,
  type Shape,
  sizeOf,
  type WindowGeometry,
  windowGeometry,
} from '@graftjs/core/backend';
import {
  boxOf,
  boxOffsets,
  LANES,
  laneStart,
  packLanes,
  placePositions,
  storeLanes,
  tapOffsets,
} from './lanes.ts';
import type { Allocator, CpuBuffer } from './memory.ts';
import type { Workspace } from './workspace.ts';

type PoolOp = 'maxPool' | 'maxPoolGrad' | 'avgPool' | 'avgPoolGrad';

const f = Math.fround;

/** A pool in tables; see `lanes.ts` for the packed copy of four channels that they index. */
interface Plan {
  readonly input: ActivationGeometry;
  readonly output: ActivationGeometry;
  readonly window: WindowGeometry;
  /** Per point of the packed copy: its offset in the input, −1 in the padding. */
  readonly offsets: Int32Array;
  /** Per output position: start of its window in the copy, and its offset in the output. */
  readonly bases: Int32Array;
  readonly rows: Int32Array;
  /** From a window's start to its taps, in row-major order. */
  readonly taps: Int32Array;
}

function plan(x: Shape, y: Shape, attrs: PoolAttrs): Plan {
  const input = activationGeometry(x, attrs.layout);
  const output = activationGeometry(y, attrs.layout);
  const w = windowGeometry(attrs.kernel, attrs);
  const grid = forwardGrid({ input, output, window: w, groups: 1 });
  const box = boxOf([grid]);
  return {
    input,
    output,
    window: w,
    offsets: boxOffsets(input, box),
    ...placePositions(grid, box),
    taps: Int32Array.from(tapOffsets(grid, box)),
  };
}

/** Four channels of a sample: where each starts in the input, and where the first starts in the output. */
type VisitLanes = (inputs: readonly [number, number, number, number], output: number, lanes: number) => void;

function forEachLanes({ input, output }: Plan, visit: VisitLanes): void {
  for (let n = 0; n < input.batch; n++) {
    for (let c = 0; c < input.channels; c += LANES) {
      const start = (lane: number): number => laneStart(input, n, c + lane);
      visit(
        [start(0), start(1), start(2), start(3)],
        laneStart(output, n, c),
        Math.min(LANES, input.channels - c),
      );
    }
  }
}

export function poolKernels(memory: Allocator, space: Workspace): Pick<Kernels<CpuBuffer>, PoolOp> {
  return {
    maxPool([x], attrs, y) {
      const p = plan(x.spec.shape, y.shape, attrs);
      const from = x.buffer as Float32Array;
      const to = memory.alloc('float32', sizeOf(y.shape));
      const packed = space.floats('rows', p.offsets.length * LANES);
      forEachLanes(p, ([l0, l1, l2, l3], out, lanes) => {
        packLanes(from, l0, l1, l2, l3, p.offsets, packed, 0, -Infinity);
        maxima(packed, p, to, out, lanes);
      });
      return to;
    },

    maxPoolGrad([x, gy], attrs) {
      const p = plan(x.spec.shape, gy.spec.shape, attrs);
      const from = x.buffer as Float32Array;
      const gx = memory.zeros('float32', sizeOf(x.spec.shape));
      const size = p.offsets.length * LANES;
      const packed = space.floats('rows', size);
      const sums = space.floats('columns', size);
      forEachLanes(p, (starts, out, lanes) => {
        packLanes(from, ...starts, p.offsets, packed, 0, -Infinity);
        sums.fill(0, 0, size);
        for (let lane = 0; lane < lanes; lane++) {
          toMaxima(packed, p, gy.buffer as Float32Array, out + lane * p.output.channelStep, lane, sums);
          unpackLane(sums, lane, p.offsets, gx, starts[lane]!);
        }
      });
      return gx;
    },

    avgPool([x], attrs, y) {
      const p = plan(x.spec.shape, y.shape, attrs);
      const from = x.buffer as Float32Array;
      const to = memory.alloc('float32', sizeOf(y.shape));
      const packed = space.floats('rows', p.offsets.length * LANES);
      const divisor = averageDivisors(p.input.extent, p.output.extent, p.window, attrs.countIncludePad);
      forEachLanes(p, ([l0, l1, l2, l3], out, lanes) => {
        packLanes(from, l0, l1, l2, l3, p.offsets, packed, 0); // + 0 from the padding changes no sum
        averages(packed, p, divisor, to, out, lanes);
      });
      return to;
    },

    avgPoolGrad([gy], attrs, gx) {
      const p = plan(gx.shape, gy.spec.shape, attrs);
      const to = memory.zeros('float32', sizeOf(gx.shape));
      const size = p.offsets.length * LANES;
      const sums = space.floats('columns', size);
      const divisor = averageDivisors(p.input.extent, p.output.extent, p.window, attrs.countIncludePad);
      forEachLanes(p, (starts, out, lanes) => {
        sums.fill(0, 0, size);
        for (let lane = 0; lane < lanes; lane++) {
          spread(gy.buffer as Float32Array, out + lane * p.output.channelStep, p, divisor, lane, sums);
          unpackLane(sums, lane, p.offsets, to, starts[lane]!);
        }
      });
      return to;
    },
  };
}

/** NaN wins, and so does the first of equals (which shows in zeros of different sign). */
function maxima(
  x: Float64Array,
  { bases, rows, taps, output }: Plan,
  y: Float32Array,
  out: number,
  lanes: number,
): void {
  for (let i = 0; i < bases.length; i++) {
    let m0 = -Infinity;
    let m1 = -Infinity;
    let m2 = -Infinity;
    let m3 = -Infinity;
    for (let e = 0; e < taps.length; e++) {
      const s = bases[i]! + taps[e]!;
      const v0 = x[s]!;
      const v1 = x[s + 1]!;
      const v2 = x[s + 2]!;
      const v3 = x[s + 3]!;
      if (v0 > m0 || v0 !== v0) m0 = v0;
      if (v1 > m1 || v1 !== v1) m1 = v1;
      if (v2 > m2 || v2 !== v2) m2 = v2;
      if (v3 > m3 || v3 !== v3) m3 = v3;
    }
    storeLanes(y, out + rows[i]!, output.channelStep, lanes, m0, m1, m2, m3);
  }
}

/** Adds each window's gradient where its first NaN is, or else its first maximum. */
function toMaxima(
  x: Float64Array,
  p: Plan,
  gy: Float32Array,
  out: number,
  lane: number,
  sums: Float64Array,
): void {
  const { bases, rows, taps, offsets } = p;
  for (let i = 0; i < bases.length; i++) {
    let best = -Infinity;
    let at = -1;
    for (let e = 0; e < taps.length; e++) {
      const s = bases[i]! + taps[e]!;
      const v = x[s + lane]!;
      if (v !== v) {
        at = s;
        break;
      }
      // A window may hold nothing but −Infinity: then it is the first tap that is not padding.
      if (v > best || (at < 0 && offsets[s / LANES]! >= 0)) {
        best = v;
        at = s;
      }
    }
    if (at >= 0) sums[at + lane] = f(sums[at + lane]! + gy[out + rows[i]!]!);
  }
}

function averages(
  x: Float64Array,
  { bases, rows, taps, output }: Plan,
  divisor: Int32Array,
  y: Float32Array,
  out: number,
  lanes: number,
): void {
  for (let i = 0; i < bases.length; i++) {
    let c0 = 0;
    let c1 = 0;
    let c2 = 0;
    let c3 = 0;
    for (let e = 0; e < taps.length; e++) {
      const s = bases[i]! + taps[e]!;
      c0 = f(c0 + x[s]!);
      c1 = f(c1 + x[s + 1]!);
      c2 = f(c2 + x[s + 2]!);
      c3 = f(c3 + x[s + 3]!);
    }
    const d = divisor[i]!;
    storeLanes(y, out + rows[i]!, output.channelStep, lanes, c0 / d, c1 / d, c2 / d, c3 / d);
  }
}

function spread(
  gy: Float32Array,
  out: number,
  p: Plan,
  divisor: Int32Array,
  lane: number,
  sums: Float64Array,
): void {
  const { bases, rows, taps } = p;
  for (let i = 0; i < bases.length; i++) {
    const share = f(gy[out + rows[i]!]! / divisor[i]!);
    for (let e = 0; e < taps.length; e++) {
      const s = bases[i]! + taps[e]! + lane;
      sums[s] = f(sums[s]! + share);
    }
  }
}

/** The way back from the packed copy, for one of its channels; what lies in the padding is dropped. */
function unpackLane(
  from: Float64Array,
  lane: number,
  offsets: Int32Array,
  to: Float32Array,
  start: number,
): void {
  for (let i = 0; i < offsets.length; i++) {
    if (offsets[i]! >= 0) to[start + offsets[i]!] = from[i * LANES + lane]!;
  }
}
