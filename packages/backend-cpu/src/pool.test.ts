import { primitives } from '@graftjs/core/extend';
import { type AvgPoolAttrs, sizeOf } from '@graftjs/core/backend';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  activationShape,
  axisArbitrary,
  expectBits,
  f,
  indices,
  layouts,
  noise,
  offset,
  run,
  value,
} from '../test/support.ts';

const problems = fc
  .record({
    axes: fc.array(axisArbitrary, { minLength: 1, maxLength: 3 }),
    layout: fc.constantFrom(...layouts),
    batch: fc.integer({ min: 0, max: 2 }),
    channels: fc.integer({ min: 0, max: 6 }),
    ceilMode: fc.boolean(),
    countIncludePad: fc.boolean(),
    /** Few distinct values, so that windows have several maxima; with 0 now and then NaN and −Infinity. */
    levels: fc.integer({ min: 0, max: 3 }),
    seed: fc.integer({ min: 1, max: 1e6 }),
  })
  .map(({ axes, layout, batch, channels, ceilMode, countIncludePad, levels, seed }) => {
    const attrs: AvgPoolAttrs = {
      kernel: axes.map((a) => a.kernel),
      stride: axes.map((a) => a.stride),
      dilation: axes.map((a) => a.dilation),
      // infer allows padding up to half of the window
      padding: axes.map((a) => {
        const half = Math.floor((a.dilation * (a.kernel - 1) + 1) / 2);
        return [Math.min(a.before, half), Math.min(a.after, half)] as const;
      }),
      ceilMode,
      layout,
      countIncludePad,
    };
    const input = axes.map((a) => a.extent + a.dilation * (a.kernel - 1));
    const shape = activationShape(layout, batch, channels, input);
    const data = noise(sizeOf(shape), seed).map((v) =>
      levels ? Math.round(v * levels) : v < -0.9 ? NaN : v < -0.5 ? -Infinity : v,
    );
    const x = value(data, shape);
    const ySpec = primitives.maxPool.infer([x.spec], attrs);
    const gy = value(noise(sizeOf(ySpec.shape), seed + 1), ySpec.shape);
    const last = layout === 'channels-last';
    return { x, gy, attrs, input, output: last ? ySpec.shape.slice(1, -1) : ySpec.shape.slice(2) };
  });
type Problem = typeof problems extends fc.Arbitrary<infer P> ? P : never;

/** For each window, in row-major order of the output positions: its output, its inputs in order, its divisor. */
function windows({
  x,
  gy,
  attrs: a,
  input,
  output,
}: Problem): { y: number; taps: number[]; divisor: number }[] {
  const [batch] = gy.spec.shape as [number];
  const channels = a.layout === 'channels-last' ? gy.spec.shape.at(-1)! : gy.spec.shape[1]!;
  const list = [];
  for (let n = 0; n < batch; n++) {
    for (let c = 0; c < channels; c++) {
      for (const position of indices(output)) {
        const all = indices(a.kernel).map((tap) =>
          position.map((p, i) => p * a.stride[i]! - a.padding[i]![0] + tap[i]! * a.dilation[i]!),
        );
        const taps = all.map((at) => offset(a.layout, x.spec.shape, n, c, at)).filter((at) => at >= 0);
        const padded = all.filter((at) =>
          at.every((v, i) => v >= -a.padding[i]![0] && v < input[i]! + a.padding[i]![1]),
        );
        const divisor = Math.max(a.countIncludePad ? padded.length : taps.length, 1);
        list.push({ y: offset(a.layout, gy.spec.shape, n, c, position), taps, divisor });
      }
    }
  }
  return list;
}

describe('pools', () => {
  it('give the bits of the naive loops', () => {
    fc.assert(
      fc.property(problems, (p) => {
        const x = p.x.data;
        const max = new Float32Array(p.gy.data.length);
        const maxGrad = new Float32Array(x.length);
        const avg = new Float32Array(p.gy.data.length);
        const avgGrad = new Float32Array(x.length);
        for (const { y, taps, divisor } of windows(p)) {
          let best = -1;
          let sum = 0;
          for (const at of taps) {
            if (best < 0 || x[at]! > x[best]! || (Number.isNaN(x[at]) && !Number.isNaN(x[best]!))) best = at;
            sum = f(sum + x[at]!);
          }
          max[y] = best < 0 ? -Infinity : x[best]!;
          if (best >= 0) maxGrad[best] = f(maxGrad[best]! + p.gy.data[y]!);
          avg[y] = f(sum / divisor);
          for (const at of taps) avgGrad[at] = f(avgGrad[at]! + f(p.gy.data[y]! / divisor));
        }
        const { countIncludePad: _, ...plain } = p.attrs;
        expectBits(run('maxPool', [p.x], plain), max);
        expectBits(run('maxPoolGrad', [p.x, p.gy], plain), maxGrad);
        expectBits(run('avgPool', [p.x], p.attrs), avg);
        expectBits(run('avgPoolGrad', [p.gy], { ...p.attrs, inputSize: p.input }), avgGrad);
      }),
      { numRuns: 300 },
    );
  });

  it('give the gradient to the first of equal maxima', () => {
    const attrs = {
      kernel: [3],
      stride: [3],
      padding: [[0, 0]] as const,
      dilation: [1],
      ceilMode: false,
      layout: 'channels-first' as const,
    };
    const x = value([1, 2, 2, -Infinity, -Infinity, -Infinity, NaN, 9, NaN], [1, 1, 9]);
    const gx = run('maxPoolGrad', [x, value([1, 2, 3], [1, 1, 3])], attrs);
    expect(Array.from(gx.data)).toEqual([0, 1, 0, 2, 0, 0, 3, 0, 0]);
  });

  it('count what a ceilMode window covers', () => {
    const attrs = {
      kernel: [2],
      stride: [2],
      padding: [[1, 1]] as const,
      dilation: [1],
      ceilMode: true,
      layout: 'channels-first' as const,
    };
    const x = value([4, 4, 4, 4], [1, 1, 4]);
    expect(Array.from(run('avgPool', [x], { ...attrs, countIncludePad: true }).data)).toEqual([2, 4, 2]);
    expect(Array.from(run('avgPool', [x], { ...attrs, countIncludePad: false }).data)).toEqual([4, 4, 4]);
  });
});
