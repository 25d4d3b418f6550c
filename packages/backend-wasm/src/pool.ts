import { sizeOf, type Kernels, type PoolAttrs, type Shape } from '@graftjs/core';
import {
  type Activation,
  activation,
  forwardGrid,
  product,
  type Window,
  window,
} from '@graftjs/core/planning';
import { produce, type Context } from './context.ts';
import { boxOf, boxOffsets, LANES, laneStarts, placePositions, tapOffsets } from './lanes.ts';
import type { Scratch, WasmBuffer } from './memory.ts';

type PoolOp = 'maxPool' | 'maxPoolGrad' | 'avgPool' | 'avgPoolGrad';

/** A pool in tables (pointers); see lanes.ts. */
interface Plan {
  readonly input: Activation;
  readonly output: Activation;
  readonly window: Window;
  /** Per point of the packed copy: its offset in the input, −1 in the padding. */
  readonly offsets: number;
  readonly points: number;
  /** Per output position: start of its window in the copy, and its offset in the output. */
  readonly bases: number;
  readonly rows: number;
  readonly count: number;
  /** From a window's start to its taps, in row-major order. */
  readonly terms: number;
  readonly taps: number;
  /** Room for the copy. */
  readonly packed: number;
}

function plan(context: Context, scratch: Scratch, x: Shape, y: Shape, attrs: PoolAttrs): Plan {
  const input = activation(x, attrs.layout);
  const output = activation(y, attrs.layout);
  const w = window(attrs.kernel, attrs);
  const grid = forwardGrid({ input, output, window: w, groups: 1 });
  const box = boxOf([grid]);
  const points = product(box.extent);
  return {
    input,
    output,
    window: w,
    offsets: boxOffsets(context, scratch, input, box),
    points,
    ...placePositions(context, scratch, grid, box),
    terms: scratch.ints(tapOffsets(grid, box)),
    taps: grid.taps.length,
    packed: scratch.words(points * LANES),
  };
}

/** Four channels of a sample: where each starts in the input and in the output, and how many there are. */
type VisitLanes = (
  inputs: readonly [number, number, number, number],
  outputs: readonly [number, number, number, number],
  lanes: number,
) => void;

function forEachLanes({ input, output }: Plan, visit: VisitLanes): void {
  for (let n = 0; n < input.batch; n++) {
    for (let c = 0; c < input.channels; c += LANES) {
      const of = (a: Activation) => laneStarts(a, n, (lane) => c + lane);
      visit(of(input), of(output), Math.min(LANES, input.channels - c));
    }
  }
}

/** What an average divides by at each output position: its taps inside the input, or inside the padded input. */
function divisors({ input, output, window: w }: Plan, includePad: boolean): Int32Array {
  const [d, h, v] = ([0, 1, 2] as const).map((axis) => {
    const low = includePad ? -w.before[axis] : 0;
    const high = input.extent[axis] + (includePad ? w.after[axis] : 0);
    return Array.from({ length: output.extent[axis] }, (_, i) => {
      let count = 0;
      for (let t = 0; t < w.kernel[axis]; t++) {
        const at = i * w.stride[axis] - w.before[axis] + t * w.dilation[axis];
        if (at >= low && at < high) count++;
      }
      return count;
    });
  }) as [number[], number[], number[]];
  return Int32Array.from(d.flatMap((i) => h.flatMap((j) => v.map((k) => Math.max(i * j * k, 1)))));
}

export function poolKernels(context: Context): Pick<Kernels<WasmBuffer>, PoolOp> {
  const { wasm } = context;
  return {
    maxPool([x], attrs, [y]) {
      return produce(context, y!, (to, scratch) => {
        const p = plan(context, scratch, x!.spec.shape, y!.shape, attrs);
        const step = p.output.channelStep;
        forEachLanes(p, (inputs, [out], lanes) => {
          wasm.packLanes(x!.buffer.ptr, ...inputs, p.offsets, p.points, p.packed, -Infinity);
          wasm.maxima(p.packed, p.bases, p.count, p.terms, p.taps, to + 4 * out, p.rows, step, lanes);
        });
      });
    },

    maxPoolGrad([x, gy], attrs, [gx]) {
      return produce(context, gx!, (to, scratch) => {
        wasm.fill32(to, sizeOf(gx!.shape), 0);
        const p = plan(context, scratch, gx!.shape, gy!.spec.shape, attrs);
        const sums = scratch.words(p.points * LANES);
        const step = p.output.channelStep;
        forEachLanes(p, (inputs, [out], lanes) => {
          wasm.packLanes(x!.buffer.ptr, ...inputs, p.offsets, p.points, p.packed, -Infinity);
          wasm.fill32(sums, p.points * LANES, 0);
          const g = gy!.buffer.ptr + 4 * out;
          wasm.toMaxima(
            ...[p.packed, p.bases, p.count, p.terms, p.taps, p.offsets, g, p.rows, step, lanes, sums],
          );
          wasm.unpackLanes(sums, lanes, p.offsets, p.points, to + 4 * inputs[0], p.input.channelStep);
        });
      });
    },

    avgPool([x], attrs, [y]) {
      return produce(context, y!, (to, scratch) => {
        const p = plan(context, scratch, x!.spec.shape, y!.shape, attrs);
        const counts = scratch.ints(divisors(p, attrs.countIncludePad));
        const step = p.output.channelStep;
        forEachLanes(p, (inputs, [out], lanes) => {
          wasm.packLanes(x!.buffer.ptr, ...inputs, p.offsets, p.points, p.packed, 0);
          const y0 = to + 4 * out;
          wasm.averages(p.packed, p.bases, p.count, p.terms, p.taps, counts, y0, p.rows, step, lanes);
        });
      });
    },

    avgPoolGrad([gy], attrs, [gx]) {
      return produce(context, gx!, (to, scratch) => {
        wasm.fill32(to, sizeOf(gx!.shape), 0);
        const p = plan(context, scratch, gx!.shape, gy!.spec.shape, attrs);
        const counts = scratch.ints(divisors(p, attrs.countIncludePad));
        const packedGy = scratch.words(p.count * LANES);
        forEachLanes(p, (inputs, outputs, lanes) => {
          wasm.packLanes(gy!.buffer.ptr, ...outputs, p.rows, p.count, packedGy, 0);
          wasm.fill32(p.packed, p.points * LANES, 0);
          wasm.spread(packedGy, p.bases, p.count, p.terms, p.taps, counts, p.packed);
          wasm.unpackLanes(p.packed, lanes, p.offsets, p.points, to + 4 * inputs[0], p.input.channelStep);
        });
      });
    },
  };
}
