import { type FusedKernels, type Operand, sizeOf } from '@graftjs/core/backend';
import { produceAll, type Context } from './context.ts';
import type { Scratch, WasmBuffer } from './memory.ts';

/** As in assembly/cross-entropy.ts: words of partial sums, and positions of a part. */
const PARTIALS = 32;
const LANES = 4;

/** Nanoseconds per logit. */
const COST = 5;

export function crossEntropyKernels(
  context: Context,
): Pick<FusedKernels<WasmBuffer>, 'softmaxCrossEntropy' | 'softmaxCrossEntropyGrad'> {
  const run = (
    kernel: 'softmaxCrossEntropy' | 'softmaxCrossEntropyGrad',
    pointers: readonly number[],
    { spec: { shape } }: Operand<WasmBuffer>,
    scratch: Scratch,
  ): void => {
    const classes = shape[1]!;
    const spatial = sizeOf(shape.slice(2));
    const positions = shape[0]! * spatial;
    const room = scratch.words(context.threads * (PARTIALS + 2 * LANES * classes));
    context.split({
      kernel,
      args: [...pointers, positions, classes, spatial, room],
      count: Math.ceil(positions / LANES),
      cost: COST * positions * classes,
    });
  };

  return {
    softmaxCrossEntropy: ([x, t], _, outputs) =>
      produceAll(context, outputs, (made, scratch) =>
        run('softmaxCrossEntropy', [x.buffer.ptr, t.buffer.ptr, ...made], x, scratch),
      ),
    softmaxCrossEntropyGrad: ([logp, t, g], _, outputs) =>
      produceAll(context, outputs, (made, scratch) => {
        const pointers = [logp.buffer.ptr, t.buffer.ptr, g.buffer.ptr, ...made];
        run('softmaxCrossEntropyGrad', pointers, logp, scratch);
      }),
  };
}
