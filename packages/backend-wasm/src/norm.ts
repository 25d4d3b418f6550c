import { type BatchNormAttrs, type FusedKernels, type Operand, sizeOf } from '@graftjs/core/backend';
import { CHANNEL_SUMS } from './agreed.ts';
import { produceAll, type Context } from './context.ts';
import type { Scratch, WasmBuffer } from './memory.ts';

/**
 * Channels of a part where they lie side by side: whole lines of the cache, as many as leave each thread one part, so
 * that rows are read in long pieces, but no more than whose partial sums the nearest cache holds.
 */
function groupOf(channels: number, threads: number): number {
  return Math.min(128, 16 * Math.max(1, Math.ceil(channels / threads / 16)));
}

/** Nanoseconds per element, all passes together. */
const COST = { batchNorm: 0.9, batchNormGrad: 1.1 };

const pointer = (operand: Operand<WasmBuffer> | null | undefined): number => operand?.buffer.ptr ?? 0;

export function normKernels(context: Context): Pick<FusedKernels<WasmBuffer>, 'batchNorm' | 'batchNormGrad'> {
  /** Passes over `arrays` activations like x; `pointers` are those of inputs and outputs. */
  const run = (
    name: 'batchNorm' | 'batchNormGrad',
    x: Operand<WasmBuffer>,
    pointers: readonly number[],
    arrays: number,
    { eps, layout }: BatchNormAttrs,
    scratch: Scratch,
  ): void => {
    const { shape } = x.spec;
    const channels = layout === 'channels-first' ? shape[1]! : shape.at(-1)!;
    const size = sizeOf(shape);
    const cost = COST[name] * size;
    const [samples, each] = [shape[0]!, size / Math.max(shape[0]! * channels, 1)];
    const args = [...pointers, scratch.floats([eps])];
    if (layout === 'channels-last' || each === 1) {
      const group = groupOf(channels, context.threads);
      const room = scratch.words(context.threads * CHANNEL_SUMS * group);
      context.split({
        kernel: `${name}Last`,
        args: [...args, size / Math.max(channels, 1), channels, group, room],
        count: Math.ceil(channels / group),
        cost,
      });
      return;
    }
    const packs = samples > 1 && each % 8 !== 0;
    const room = packs ? scratch.words(context.threads * arrays * (samples * each + 4)) : 0;
    context.split({
      kernel: `${name}First`,
      args: [...args, samples, channels, each, room],
      count: channels,
      cost,
    });
  };

  return {
    batchNorm: ([x, weight, bias], attrs, outputs) =>
      produceAll(context, outputs, (made, scratch) =>
        run('batchNorm', x, [...[x, weight, bias].map(pointer), ...made], 1, attrs, scratch),
      ),
    batchNormGrad: ([x, g, mean, variance, weight], attrs, outputs) =>
      produceAll(context, outputs, (made, scratch) => {
        const pointers = [...[x, g, mean, variance, weight].map(pointer), ...made];
        run('batchNormGrad', x, pointers, 2, attrs, scratch);
      }),
  };
}
