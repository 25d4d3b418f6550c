import { convProblem, type ConvProblem, type Kernels, product, sizeOf } from '@graftjs/core/backend';
import { convDepthwise, convInputGradDepthwise, convWeightGradDepthwise } from './conv-depthwise.ts';
import { convDense, convInputGradDense, convWeightGradDense } from './conv-dense.ts';
import { convDirect, convInputGradDirect, convWeightGradDirect } from './conv-direct.ts';
import type { Allocator, CpuBuffer } from './memory.ts';
import type { Workspace } from './workspace.ts';

type ConvOp = 'conv' | 'convInputGrad' | 'convWeightGrad';

export function convKernels(memory: Allocator, space: Workspace): Pick<Kernels<CpuBuffer>, ConvOp> {
  return {
    conv([x, w], attrs, y) {
      const to = memory.alloc('float32', sizeOf(y.shape));
      const p = convProblem(x.spec.shape, y.shape, w.spec.shape.slice(2), attrs);
      const [from, weights] = [x.buffer as Float32Array, w.buffer as Float32Array];
      if (isPadded(p) && !allFinite(weights)) convDirect(p, from, weights, to);
      else if (isDepthwise(p)) convDepthwise(p, from, weights, to, space);
      else convDense(p, from, weights, to, space);
      return to;
    },

    convInputGrad([gy, w], attrs, gx) {
      const to = memory.alloc('float32', sizeOf(gx.shape));
      const p = convProblem(gx.shape, gy.spec.shape, w.spec.shape.slice(2), attrs);
      const [from, weights] = [gy.buffer as Float32Array, w.buffer as Float32Array];
      // Near the border, some outputs under the taps do not exist even without padding.
      const incomplete = isPadded(p) || product(p.window.kernel) > 1;
      if (incomplete && !allFinite(weights)) convInputGradDirect(p, from, weights, to);
      else if (isDepthwise(p)) convInputGradDepthwise(p, from, weights, to, space);
      else convInputGradDense(p, from, weights, to, space);
      return to;
    },

    convWeightGrad([x, gy], attrs, gw) {
      const to = memory.alloc('float32', sizeOf(gw.shape));
      const p = convProblem(x.spec.shape, gy.spec.shape, attrs.kernelSize, attrs);
      const [from, g] = [x.buffer as Float32Array, gy.buffer as Float32Array];
      if (isPadded(p) && !allFinite(g)) convWeightGradDirect(p, from, g, to);
      else if (isDepthwise(p)) convWeightGradDepthwise(p, from, g, to, space);
      else convWeightGradDense(p, from, g, to, memory, space);
      return to;
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

/** 0 · x is 0 for finite x, and NaN for the others. */
function allFinite(x: Float32Array): boolean {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += 0 * x[i]!;
  return sum === 0;
}
