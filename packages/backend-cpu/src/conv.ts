import { sizeOf, type Kernels } from '@graftjs/core';
import { convDirect, convInputGradDirect, convWeightGradDirect, type ConvProblem } from './conv-direct.ts';
import { activation, window } from './geometry.ts';
import type { Allocator, CpuBuffer } from './memory.ts';

export function convKernels(
  memory: Allocator,
): Pick<Kernels<CpuBuffer>, 'conv' | 'convInputGrad' | 'convWeightGrad'> {
  return {
    conv([x, w], attrs, [y]) {
      const to = memory.alloc('float32', sizeOf(y!.shape));
      const problem: ConvProblem = {
        input: activation(x!.spec.shape, attrs.layout),
        output: activation(y!.shape, attrs.layout),
        window: window(w!.spec.shape.slice(2), attrs),
        groups: attrs.groups,
      };
      convDirect(problem, x!.buffer as Float32Array, w!.buffer as Float32Array, to);
      return [to];
    },

    convInputGrad([gy, w], attrs, [gx]) {
      const to = memory.alloc('float32', sizeOf(gx!.shape));
      const problem: ConvProblem = {
        input: activation(gx!.shape, attrs.layout),
        output: activation(gy!.spec.shape, attrs.layout),
        window: window(w!.spec.shape.slice(2), attrs),
        groups: attrs.groups,
      };
      convInputGradDirect(problem, gy!.buffer as Float32Array, w!.buffer as Float32Array, to);
      return [to];
    },

    convWeightGrad([x, gy], attrs, [gw]) {
      const to = memory.alloc('float32', sizeOf(gw!.shape));
      const problem: ConvProblem = {
        input: activation(x!.spec.shape, attrs.layout),
        output: activation(gy!.spec.shape, attrs.layout),
        window: window(attrs.kernelSize, attrs),
        groups: attrs.groups,
      };
      convWeightGradDirect(problem, x!.buffer as Float32Array, gy!.buffer as Float32Array, to);
      return [to];
    },
  };
}
