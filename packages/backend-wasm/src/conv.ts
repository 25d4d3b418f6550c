import {
  type ActivationGeometry,
  type ConvAttrs,
  convProblem,
  type ConvProblem,
  type FusedActivation,
  type FusedKernels,
  type Kernels,
  type Operand,
  product,
  sizeOf,
  type TensorSpec,
} from '@graftjs/core/backend';
import { produce, produceAll, type Context } from './context.ts';
import { patchProducts, positionProducts } from './conv-dense.ts';
import {
  depthwiseInputGradPlan,
  depthwisePlan,
  depthwiseSums,
  depthwiseWeightGradPlan,
  depthwiseWeightSums,
} from './conv-depthwise.ts';
import { forwardPlan, inputGradPlan, weightGradPlan } from './conv-plan.ts';
import type { Scratch, WasmBuffer } from './memory.ts';

type ConvOp = 'conv' | 'convInputGrad' | 'convWeightGrad';

export function convKernels(context: Context): Pick<Kernels<WasmBuffer>, ConvOp> {
  const { wasm, cache, heap } = context;
  return {
    conv: ([x, w], attrs, y) =>
      produce(context, y, (to, scratch) => forward(context, scratch, x, w, attrs, y, to, null)),

    convInputGrad([gy, w], attrs, gx) {
      const p = convProblem(gx.shape, gy.spec.shape, w.spec.shape.slice(2), attrs);
      const [from, weights] = [gy.buffer.ptr, w.buffer.ptr];
      // Near the border, some outputs under the taps do not exist even without padding.
      const incomplete = isPadded(p) || product(p.window.kernel) > 1;
      return produce(context, gx, (to, scratch) => {
        if (incomplete && !weightsFinite(context, w)) {
          wasm.fillWords(to, 0, 0, sizeOf(gx.shape));
          wasm.convInputGradDirect(scratch.ints(problemTable(p)), from, weights, to);
          return;
        }
        const key = `convInputGrad ${keyOf(p)}`;
        if (isDepthwise(p)) {
          const plan = cache.plan(key, () => depthwiseInputGradPlan(heap, p));
          depthwiseSums(context, scratch, plan, from, w.buffer, key, to, 0);
        } else {
          const plan = cache.plan(key, () => inputGradPlan(heap, p));
          patchProducts(context, scratch, plan, from, w.buffer, key, to, 0);
        }
      });
    },

    convWeightGrad([x, gy], attrs, gw) {
      const p = convProblem(x.spec.shape, gy.spec.shape, attrs.kernelSize, attrs);
      const [from, g] = [x.buffer.ptr, gy.buffer.ptr];
      return produce(context, gw, (to, scratch) => {
        if (isPadded(p) && !allFinite(context, gy)) {
          wasm.convWeightGradDirect(scratch.ints(problemTable(p)), from, g, to);
          return;
        }
        const key = `convWeightGrad ${keyOf(p)}`;
        if (isDepthwise(p)) {
          const plan = cache.plan(key, () => depthwiseWeightGradPlan(heap, p));
          depthwiseWeightSums(context, scratch, plan, from, g, to);
        } else {
          const plan = cache.plan(key, () => weightGradPlan(heap, p));
          positionProducts(context, scratch, plan, from, g, to);
        }
      });
    },
  };
}

export function fusedConvKernels(context: Context): Pick<FusedKernels<WasmBuffer>, 'convAffine'> {
  return {
    convAffine: ([x, w, scale, shift], attrs, outputs) =>
      produceAll(context, outputs, ([to], scratch) => {
        const [s, t] = [scale?.buffer.ptr ?? 0, shift?.buffer.ptr ?? 0];
        const after = { scale: s, shift: t, activation: ACTIVATIONS.indexOf(attrs.activation) };
        forward(context, scratch, x, w, attrs, outputs[0], to, after);
      }),
  };
}

/** In the order of assembly/affine.ts. */
const ACTIVATIONS: readonly FusedActivation[] = ['none', 'relu', 'relu6'];

/** What follows a convolution: pointers (0 if absent) and the index of the activation. */
interface Affine {
  readonly scale: number;
  readonly shift: number;
  readonly activation: number;
}

function forward(
  context: Context,
  scratch: Scratch,
  x: Operand<WasmBuffer>,
  w: Operand<WasmBuffer>,
  attrs: ConvAttrs,
  y: TensorSpec,
  to: number,
  after: Affine | null,
): void {
  const { wasm, cache, heap } = context;
  const p = convProblem(x.spec.shape, y.shape, w.spec.shape.slice(2), attrs);
  const [from, weights] = [x.buffer.ptr, w.buffer.ptr];
  const affine = after ? scratch.ints([after.scale, after.shift, after.activation]) : 0;
  const direct = isPadded(p) && !weightsFinite(context, w);
  const key = `conv ${keyOf(p)}`;
  if (direct) {
    wasm.convDirect(scratch.ints(problemTable(p)), from, weights, to);
    if (affine) applyAffine(context, p.output, affine, to);
  } else if (isDepthwise(p)) {
    const plan = cache.plan(key, () => depthwisePlan(heap, p));
    depthwiseSums(context, scratch, plan, from, w.buffer, key, to, affine);
  } else {
    const plan = cache.plan(key, () => forwardPlan(heap, p));
    const packing = `conv ${attrs.groups} ${w.spec.shape}`;
    patchProducts(context, scratch, plan, from, w.buffer, packing, to, affine);
  }
}

/** scale, shift and activation on a result in memory. */
function applyAffine({ split }: Context, of: ActivationGeometry, affine: number, y: number): void {
  const { batch, channels, extent, channelsLast } = of;
  const size = product(extent);
  const cost = batch * channels * size * 0.5;
  if (channelsLast) {
    split({ kernel: 'affineRows', args: [affine, y, channels], count: batch * size, cost });
  } else split({ kernel: 'affinePlanes', args: [affine, y, channels, size], count: batch * channels, cost });
}

function allFinite({ wasm }: Context, { buffer, spec }: Operand<WasmBuffer>): boolean {
  return wasm.allFinite(buffer.ptr, sizeOf(spec.shape)) === 1;
}

const finiteWeights = new WeakMap<WasmBuffer, boolean>();

/** Weights are asked again and again, and never change. */
function weightsFinite(context: Context, w: Operand<WasmBuffer>): boolean {
  let known = finiteWeights.get(w.buffer);
  if (known === undefined) finiteWeights.set(w.buffer, (known = allFinite(context, w)));
  return known;
}

/** Everything that a plan depends on. */
function keyOf({ input, output, window: w, groups }: ConvProblem): string {
  const { batch, channels, extent, channelsLast } = input;
  return `${batch} ${channels} ${extent} ${channelsLast} ${output.channels} ${output.extent} ${w.kernel} ${w.stride} ${w.dilation} ${w.before} ${groups}`;
}

/** Every thread has whole rows in its copies, eight channels wide: 80 bytes for each of these, 1.25 MiB a thread. */
const LONGEST_ROW = 2 ** 14;

/** One input channel and few output channels per group; with many, or long rows, the matrix product is the better shape. */
function isDepthwise({ input, output, groups, window: w }: ConvProblem): boolean {
  const row = Math.max(input.extent[2], output.extent[2] * w.stride[2], w.kernel[2] * w.dilation[2]);
  return input.channels === groups && output.channels <= 4 * groups && row <= LONGEST_ROW;
}

function isPadded({ window: w }: ConvProblem): boolean {
  return [...w.before, ...w.after].some((n) => n > 0);
}

/** The problem as assembly/direct.ts reads it. */
function problemTable({ input, output, window: w, groups }: ConvProblem): number[] {
  const table = (a: ActivationGeometry): number[] => [
    a.channels,
    ...a.extent,
    a.batchStep,
    a.channelStep,
    ...a.step,
  ];
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
