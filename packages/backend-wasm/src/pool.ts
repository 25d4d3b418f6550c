import {
  type ActivationGeometry,
  activationGeometry,
  countedTaps,
  type Kernels,
  type Layout,
  type PoolAttrs,
  product,
  type Shape,
  sizeOf,
  type WindowGeometry,
  windowGeometry,
} from '@graftjs/core/backend';
import { produce, type Context } from './context.ts';
import type { Scratch, WasmBuffer } from './memory.ts';
import type { KernelName } from './kernel-names.generated.ts';

type PoolOp = 'maxPool' | 'maxPoolGrad' | 'avgPool' | 'avgPoolGrad';

/** Channels of a part of a gradient in channels-last: whole lines of the cache, unless samples are enough for all threads. */
const WIDTH = 16;

/** Nanoseconds per tap of a window. */
const COST = 0.4;

/** The windows of a row that lie inside the input whole: the first, and one past the last. */
function wholeWindows(
  input: ActivationGeometry,
  output: ActivationGeometry,
  w: WindowGeometry,
): [number, number] {
  const first = Math.min(Math.ceil(w.before[2] / w.stride[2]), output.extent[2]);
  const room = input.extent[2] - 1 - (w.kernel[2] - 1) * w.dilation[2] + w.before[2];
  const last = room < 0 ? first : Math.min(Math.floor(room / w.stride[2]) + 1, output.extent[2]);
  return [first, Math.max(first, last)];
}

/** A pool as assembly/window.ts reads it. */
function tableOf(
  input: ActivationGeometry,
  output: ActivationGeometry,
  w: WindowGeometry,
  layout: Layout,
): number[] {
  const steps = (a: ActivationGeometry): number[] => [...a.step, a.channelStep, a.batchStep];
  return [
    input.channels,
    ...output.extent,
    ...input.extent,
    ...w.kernel,
    ...w.stride,
    ...w.dilation,
    ...w.before,
    ...steps(input),
    ...steps(output),
    Number(layout === 'channels-last'),
    ...wholeWindows(input, output, w),
  ];
}

export function poolKernels(context: Context): Pick<Kernels<WasmBuffer>, PoolOp> {
  /** Runs a kernel on the windows between an input and an output of these shapes; `operands` are pointers. */
  const run = (
    scratch: Scratch,
    kernel: KernelName & PoolOp,
    operands: readonly number[],
    [x, y]: readonly [Shape, Shape],
    attrs: PoolAttrs & { readonly countIncludePad?: boolean },
  ): void => {
    const input = activationGeometry(x, attrs.layout);
    const output = activationGeometry(y, attrs.layout);
    const w = windowGeometry(attrs.kernel, attrs);
    const lists =
      attrs.countIncludePad === undefined
        ? []
        : countedTaps(input.extent, output.extent, w, attrs.countIncludePad)
            .flat()
            .map((n) => Math.max(n, 1));
    const table = scratch.ints([...tableOf(input, output, w, attrs.layout), ...lists]);
    const { batch, channels } = input;
    const last = attrs.layout === 'channels-last';
    const [d, h] = output.extent;
    const cost = COST * sizeOf(y) * product(w.kernel);
    if (kernel === 'maxPool' || kernel === 'avgPool') {
      const count = batch * (last ? 1 : channels) * d * h;
      context.split({ kernel, args: [table, ...operands], count, cost });
    } else {
      const width = !last ? 1 : batch >= 2 * context.threads ? channels : WIDTH;
      const count = batch * Math.ceil(channels / width);
      context.split({ kernel, args: [table, ...operands, width], count, cost });
    }
  };

  return {
    maxPool([x], attrs, y) {
      return produce(context, y, (to, scratch) =>
        run(scratch, 'maxPool', [x.buffer.ptr, to], [x.spec.shape, y.shape], attrs),
      );
    },

    maxPoolGrad([x, gy], attrs, gx) {
      const operands = [x.buffer.ptr, gy.buffer.ptr];
      return produce(context, gx, (to, scratch) =>
        run(scratch, 'maxPoolGrad', [...operands, to], [gx.shape, gy.spec.shape], attrs),
      );
    },

    avgPool([x], attrs, y) {
      return produce(context, y, (to, scratch) =>
        run(scratch, 'avgPool', [x.buffer.ptr, to], [x.spec.shape, y.shape], attrs),
      );
    },

    avgPoolGrad([gy], attrs, gx) {
      return produce(context, gx, (to, scratch) =>
        run(scratch, 'avgPoolGrad', [gy.buffer.ptr, to], [gx.shape, gy.spec.shape], attrs),
      );
    },
  };
}
