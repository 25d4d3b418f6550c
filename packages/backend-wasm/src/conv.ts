import { sizeOf, type ConvAttrs, type Kernels, type Operand, type Shape } from '@graftjs/core';
import { type Activation, activation, type ConvProblem, product, window } from '@graftjs/core/planning';
import { produce, type Context } from './context.ts';
import { convDense, convInputGradDense, convWeightGradDense } from './conv-dense.ts';
import { convDepthwise, convInputGradDepthwise, convWeightGradDepthwise } from './conv-depthwise.ts';
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
  const { wasm } = context;
  const allFinite = ({ buffer, spec }: Operand<WasmBuffer>): boolean =>
    wasm.allFinite(buffer.ptr, sizeOf(spec.shape)) === 1;

  return {
    conv([x, w], attrs, [y]) {
      const p = problem(x!.spec.shape, y!.shape, w!.spec.shape.slice(2), attrs);
      const [from, weights] = [x!.buffer.ptr, w!.buffer.ptr];
      return produce(context, y!, (to, scratch) => {
        if (isPadded(p) && !allFinite(w!)) wasm.convDirect(scratch.ints(problemTable(p)), from, weights, to);
        else if (isDepthwise(p)) convDepthwise(context, scratch, p, from, weights, to);
        else convDense(context, scratch, p, from, weights, to);
      });
    },

    convInputGrad([gy, w], attrs, [gx]) {
      const p = problem(gx!.shape, gy!.spec.shape, w!.spec.shape.slice(2), attrs);
      const [from, weights] = [gy!.buffer.ptr, w!.buffer.ptr];
      // Near the border, some outputs under the taps do not exist even without padding.
      const incomplete = isPadded(p) || product(p.window.kernel) > 1;
      return produce(context, gx!, (to, scratch) => {
        if (incomplete && !allFinite(w!)) {
          wasm.fill32(to, sizeOf(gx!.shape), 0);
          wasm.convInputGradDirect(scratch.ints(problemTable(p)), from, weights, to);
        } else if (isDepthwise(p)) convInputGradDepthwise(context, scratch, p, from, weights, to);
        else convInputGradDense(context, scratch, p, from, weights, to);
      });
    },

    convWeightGrad([x, gy], attrs, [gw]) {
      const p = problem(x!.spec.shape, gy!.spec.shape, attrs.kernelSize, attrs);
      const [from, g] = [x!.buffer.ptr, gy!.buffer.ptr];
      return produce(context, gw!, (to, scratch) => {
        if (isPadded(p) && !allFinite(gy!))
          wasm.convWeightGradDirect(scratch.ints(problemTable(p)), from, g, to);
        else if (isDepthwise(p)) convWeightGradDepthwise(context, scratch, p, from, g, to);
        else convWeightGradDense(context, scratch, p, from, g, to);
      });
    },
  };
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
