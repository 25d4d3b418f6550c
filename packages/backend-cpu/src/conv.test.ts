import { primitives } from '@graftjs/core/extend';
import { type ConvAttrs, type Shape, sizeOf } from '@graftjs/core/backend';
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

/** A convolution of any shape, with the operands of all three directions. */
const problems = fc
  .record({
    axes: fc.array(axisArbitrary, { minLength: 1, maxLength: 3 }),
    layout: fc.constantFrom(...layouts),
    batch: fc.integer({ min: 0, max: 3 }),
    groups: fc.integer({ min: 1, max: 6 }),
    inPerGroup: fc.oneof(
      { weight: 2, arbitrary: fc.constant(1) },
      { weight: 3, arbitrary: fc.integer({ min: 0, max: 6 }) },
    ),
    outPerGroup: fc.integer({ min: 0, max: 5 }),
    seed: fc.integer({ min: 1, max: 1e6 }),
  })
  .map(({ axes, layout, batch, groups, inPerGroup, outPerGroup, seed }) => {
    const attrs: ConvAttrs = {
      stride: axes.map((a) => a.stride),
      padding: axes.map((a) => [a.before, a.after] as const),
      dilation: axes.map((a) => a.dilation),
      groups,
      layout,
    };
    const input = axes.map((a) => a.extent);
    const kernel = axes.map((a) => a.kernel);
    return problem(
      activationShape(layout, batch, groups * inPerGroup, input),
      [groups * outPerGroup, inPerGroup, ...kernel],
      attrs,
      seed,
    );
  });

function problem(xShape: Shape, wShape: Shape, attrs: ConvAttrs, seed = 1) {
  const x = value(noise(sizeOf(xShape), seed), xShape);
  const w = value(noise(sizeOf(wShape), seed + 1), wShape);
  const { shape } = primitives.conv.infer([x.spec, w.spec], attrs);
  const gy = value(noise(sizeOf(shape), seed + 2), shape);
  const last = attrs.layout === 'channels-last';
  const input = last ? xShape.slice(1, -1) : xShape.slice(2);
  return {
    x,
    w,
    gy,
    attrs,
    input,
    output: last ? shape.slice(1, -1) : shape.slice(2),
    kernel: wShape.slice(2),
  };
}
type Problem = ReturnType<typeof problem>;

/** Input position of a tap at an output position. */
function under({ attrs: a }: Problem, position: readonly number[], tap: readonly number[]): number[] {
  return position.map((p, i) => p * a.stride[i]! - a.padding[i]![0] + tap[i]! * a.dilation[i]!);
}

function weight(p: Problem, o: number, c: number, tap: number): number {
  const [, perGroup] = p.w.spec.shape as [number, number];
  return p.w.data[(o * perGroup + c) * sizeOf(p.kernel) + tap]!;
}

function naiveConv(p: Problem): Float32Array {
  const { x, w, gy, attrs } = p;
  const [out, perGroup] = w.spec.shape as [number, number];
  const y = new Float32Array(gy.data.length);
  const taps = indices(p.kernel);
  for (let n = 0; n < gy.spec.shape[0]!; n++) {
    for (let o = 0; o < out; o++) {
      for (const position of indices(p.output)) {
        let acc = 0;
        taps.forEach((tap, t) => {
          for (let c = 0; c < perGroup; c++) {
            const channel = Math.floor(o / (out / attrs.groups)) * perGroup + c;
            const at = offset(attrs.layout, x.spec.shape, n, channel, under(p, position, tap));
            if (at >= 0) acc = f(acc + f(x.data[at]! * weight(p, o, c, t)));
          }
        });
        y[offset(attrs.layout, gy.spec.shape, n, o, position)] = acc;
      }
    }
  }
  return y;
}

/** By gathering: for each input element, tap by tap, the one output that saw it under this tap. */
function naiveInputGrad(p: Problem): Float32Array {
  const { x, w, gy, attrs } = p;
  const [out, perGroup] = w.spec.shape as [number, number];
  const gx = new Float32Array(x.data.length);
  for (let n = 0; n < gy.spec.shape[0]!; n++) {
    for (let channel = 0; channel < perGroup * attrs.groups; channel++) {
      const first = Math.floor(channel / perGroup) * (out / attrs.groups);
      for (const position of indices(p.input)) {
        let acc = 0;
        indices(p.kernel).forEach((tap, t) => {
          const from = position.map(
            (i, axis) =>
              (i + attrs.padding[axis]![0] - tap[axis]! * attrs.dilation[axis]!) / attrs.stride[axis]!,
          );
          if (!from.every(Number.isInteger)) return;
          for (let o = first; o < first + out / attrs.groups; o++) {
            const at = offset(attrs.layout, gy.spec.shape, n, o, from);
            if (at >= 0) acc = f(acc + f(gy.data[at]! * weight(p, o, channel % perGroup, t)));
          }
        });
        gx[offset(attrs.layout, x.spec.shape, n, channel, position)] = acc;
      }
    }
  }
  return gx;
}

function naiveWeightGrad(p: Problem): Float32Array {
  const { x, w, gy, attrs } = p;
  const [out, perGroup] = w.spec.shape as [number, number];
  const gw: number[] = [];
  for (let o = 0; o < out; o++) {
    for (let c = 0; c < perGroup; c++) {
      const channel = Math.floor(o / (out / attrs.groups)) * perGroup + c;
      for (const tap of indices(p.kernel)) {
        let total = 0;
        for (let n = 0; n < x.spec.shape[0]!; n++) {
          let partial = 0;
          for (const position of indices(p.output)) {
            const at = offset(attrs.layout, x.spec.shape, n, channel, under(p, position, tap));
            const g = gy.data[offset(attrs.layout, gy.spec.shape, n, o, position)]!;
            if (at >= 0) partial = f(partial + f(x.data[at]! * g));
          }
          total = f(total + partial);
        }
        gw.push(total);
      }
    }
  }
  return Float32Array.from(gw);
}

const conv = (p: Problem) => run('conv', [p.x, p.w], p.attrs);
const inputGrad = (p: Problem) => run('convInputGrad', [p.gy, p.w], { ...p.attrs, inputSize: p.input });
const weightGrad = (p: Problem) => run('convWeightGrad', [p.x, p.gy], { ...p.attrs, kernelSize: p.kernel });

describe('conv', () => {
  it('gives the bits of the naive loops in all three directions', () => {
    fc.assert(
      fc.property(problems, (p) => {
        expectBits(conv(p), naiveConv(p));
        expectBits(inputGrad(p), naiveInputGrad(p));
        expectBits(weightGrad(p), naiveWeightGrad(p));
      }),
      { numRuns: 150 },
    );
  });

  it('gives the same bits when depth and positions fill several blocks', () => {
    const options = { stride: [1], padding: [[1, 1]] as const, dilation: [1], groups: 1 };
    for (const layout of layouts) {
      const wide = problem(activationShape(layout, 2, 2, [8500]), [2, 2, 2], { ...options, layout });
      expectBits(weightGrad(wide), naiveWeightGrad(wide));
      expectBits(conv(wide), naiveConv(wide));
      const deep = problem(activationShape(layout, 1, 6000, [5]), [3, 6000, 3], { ...options, layout });
      expectBits(conv(deep), naiveConv(deep));
    }
  });

  it('is not reached by Infinity and NaN of taps outside the input', () => {
    for (const layout of layouts) {
      for (const [groups, channels] of [
        [1, 5],
        [5, 5],
      ] as const) {
        const attrs: ConvAttrs = {
          stride: [1, 2],
          padding: [
            [1, 1],
            [0, 1],
          ],
          dilation: [1, 1],
          groups,
          layout,
        };
        const p = problem(activationShape(layout, 2, channels, [4, 5]), [5, channels / groups, 3, 2], attrs);
        p.w.data[0] = Infinity;
        p.w.data[7] = NaN;
        p.gy.data[1] = -Infinity;
        expectBits(conv(p), naiveConv(p));
        expectBits(inputGrad(p), naiveInputGrad(p));
        expectBits(weightGrad(p), naiveWeightGrad(p));
      }
    }
  });

  it('carries Infinity and NaN of the input', () => {
    for (const groups of [1, 3]) {
      const attrs: ConvAttrs = {
        stride: [1],
        padding: [[1, 1]],
        dilation: [1],
        groups,
        layout: 'channels-first',
      };
      const p = problem([1, 3, 6], [3, 3 / groups, 3], attrs);
      p.x.data[0] = Infinity;
      p.x.data[9] = NaN;
      expectBits(conv(p), naiveConv(p));
      expectBits(weightGrad(p), naiveWeightGrad(p));
    }
  });

  it('does not depend on the layout', () => {
    const attrs = {
      stride: [2, 1],
      padding: [
        [0, 1],
        [1, 1],
      ],
      dilation: [1, 1],
      groups: 2,
    } as const;
    const first = problem([3, 8, 9, 7], [6, 4, 3, 3], { ...attrs, layout: 'channels-first' });
    const toLast = (v: Problem['x']) => run('transpose', [v], { perm: [0, 2, 3, 1] });
    const last = {
      ...first,
      attrs: { ...first.attrs, layout: 'channels-last' as const },
      x: toLast(first.x),
      gy: toLast(first.gy),
    };
    expectBits(conv(last), toLast(conv(first)).data);
    expectBits(inputGrad(last), toLast(inputGrad(first)).data);
    expectBits(weightGrad(last), weightGrad(first).data);
  });

  it('rounds products before it adds', () => {
    // (1 + 2⁻²³)² = 1 + 2⁻²² + 2⁻⁴⁶: the last term is lost in the product, and would survive a fused multiply-add.
    const a = 1 + 2 ** -23;
    const attrs: ConvAttrs = {
      stride: [1],
      padding: [[0, 0]],
      dilation: [1],
      groups: 1,
      layout: 'channels-first',
    };
    const y = run('conv', [value([a, 1], [1, 2, 1]), value([a, -1 - 2 ** -22], [1, 2, 1])], attrs);
    expect(y.data[0]).toBe(0);
  });
});
