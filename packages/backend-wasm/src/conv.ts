import { sizeOf, type ConvAttrs, type Kernels, type Operand, type Shape } from '@graftjs/core';
import { type Activation, activation, type ConvProblem, product, window } from '@graftjs/core/planning';
import { produce, type Context } from './context.ts';
import { patchProducts, positionProducts } from './conv-dense.ts';
import { convDepthwise, convInputGradDepthwise, convWeightGradDepthwise } from './conv-depthwise.ts';
import { forwardPlan, inputGradPlan, weightGradPlan } from './conv-plan.ts';
import type { WasmBuffer } from './memory.ts';

type ConvOp = 'conv' | 'convInputGrad' | 'convWeightGrad';

function problem(input: Shape, output: Shape, kernel: Shape, attrs: ConvAttrs): ConvProblem {
  return {
    input: activation(input, attrs.layout),
    output: activation(output, attrs.layout),
    window: window(kernel, attrs),
    groups: attrs.groups,
  };
}

export function convKernels(context: Context): Pick<Kernels<WasmBuffer>, ConvOp> {
  const { wasm, cache, heap } = context;
  const allFinite = ({ buffer, spec }: Operand<WasmBuffer>): boolean =>
    wasm.allFinite(buffer.ptr, sizeOf(spec.shape)) === 1;
  const finiteWeights = new WeakMap<WasmBuffer, boolean>();
  /** Weights are asked again and again, and never change. */
  const weightsFinite = (w: Operand<WasmBuffer>): boolean => {
    let known = finiteWeights.get(w.buffer);
    if (known === undefined) finiteWeights.set(w.buffer, (known = allFinite(w)));
    return known;
  };

  return {
    conv([x, w], attrs, [y]) {
      const p = problem(x!.spec.shape, y!.shape, w!.spec.shape.slice(2), attrs);
      const [from, weights] = [x!.buffer.ptr, w!.buffer.ptr];
      return produce(context, y!, (to, scratch) => {
        if (isPadded(p) && !weightsFinite(w!))
          wasm.convDirect(scratch.ints(problemTable(p)), from, weights, to);
        else if (isDepthwise(p)) convDepthwise(context, scratch, p, from, weights, to);
        else {
          const plan = cache.plan(`conv ${keyOf(p)}`, () => forwardPlan(heap, p));
          patchProducts(context, scratch, plan, from, w!.buffer, `conv ${attrs.groups} ${w!.spec.shape}`, to);
        }
      });
    },

    convInputGrad([gy, w], attrs, [gx]) {
      const p = problem(gx!.shape, gy!.spec.shape, w!.spec.shape.slice(2), attrs);
      const [from, weights] = [gy!.buffer.ptr, w!.buffer.ptr];
      // Near the border, some outputs under the taps do not exist even without padding.
      const incomplete = isPadded(p) || product(p.window.kernel) > 1;
      return produce(context, gx!, (to, scratch) => {
        if (incomplete && !weightsFinite(w!)) {
          wasm.fill32(to, sizeOf(gx!.shape), 0);
          wasm.convInputGradDirect(scratch.ints(problemTable(p)), from, weights, to);
        } else if (isDepthwise(p)) convInputGradDepthwise(context, scratch, p, from, weights, to);
        else {
          const key = `convInputGrad ${keyOf(p)}`;
          const plan = cache.plan(key, () => inputGradPlan(heap, p));
          patchProducts(context, scratch, plan, from, w!.buffer, key, to);
        }
      });
    },

    convWeightGrad([x, gy], attrs, [gw]) {
      const p = problem(x!.spec.shape, gy!.spec.shape, attrs.kernelSize, attrs);
      const [from, g] = [x!.buffer.ptr, gy!.buffer.ptr];
      return produce(context, gw!, (to, scratch) => {
        if (isPadded(p) && !allFinite(gy!))
          wasm.convWeightGradDirect(scratch.ints(problemTable(p)), from, g, to);
        else if (isDepthwise(p)) convWeightGradDepthwise(context, scratch, p, from, g, to);
        else {
          const plan = cache.plan(`convWeightGrad ${keyOf(p)}`, () => weightGradPlan(heap, p));
          positionProducts(context, scratch, plan, from, g, to);
        }
      });
    },
  };
}

/** Everything that a plan depends on. */
function keyOf({ input, output, window: w, groups }: ConvProblem): string {
  const { batch, channels, extent, channelsLast } = input;
  return `${batch} ${channels} ${extent} ${channelsLast} ${output.channels} ${output.extent} ${w.kernel} ${w.stride} ${w.dilation} ${w.before} ${groups}`;
}

/** One input channel and few output channels per group; with many, the matrix product is the better shape again. */
function isDepthwise({ input, output, groups }: ConvProblem): boolean {
  return input.channels === groups && output.channels <= 4 * groups;
}

function isPadded({ window: w }: ConvProblem): boolean {
  return [...w.before, ...w.after].some((n) => n > 0);
}

/** The problem as assembly/direct.ts reads it. */
function problemTable({ input, output, window: w, groups }: ConvProblem): number[] {
  const table = (a: Activation): number[] => [a.channels, ...a.extent, a.batchStep, a.channelStep, ...a.step];
  return [
    input.batch,
    groups,
    ...w.kernel,
    ...w.stride,
    ...w.dilation,
    ...w.before,
    ...table(input),
    ...table(output),
  ];
}
