import { type FusedKernels, type Operand, sizeOf } from '@graftjs/core/backend';
import { POSITION_SUMS, POSITIONS } from './agreed.ts';
import { produceAll, type Context } from './context.ts';
import type { Scratch, WasmBuffer } from './memory.ts';

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
    const room = scratch.words(context.threads * (POSITION_SUMS + 2 * POSITIONS * classes));
    context.split({
      kernel,
      args: [...pointers, positions, classes, spatial, room],
      count: Math.ceil(positions / POSITIONS),
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
