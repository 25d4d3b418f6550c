import { type FusedKernels, type Operand, sizeOf } from '@graftjs/core/backend';
import { produceAll, type Context } from './context.ts';
import type { WasmBuffer } from './memory.ts';

/** Elements of a vector: no two threads write in one. */
const GRAIN = 4;

/** Nanoseconds per element. */
const COST = { sgd: 0.5, adam: 1.2 };

const pointer = (operand: Operand<WasmBuffer> | null | undefined): number => operand?.buffer.ptr ?? 0;

export function stepKernels(context: Context): Pick<FusedKernels<WasmBuffer>, 'sgd' | 'adam'> {
  return {
    sgd([p, g, before], { lr, weightDecay, momentum, dampening, nesterov }, outputs) {
      return produceAll(context, outputs, ([y, buffer], scratch) => {
        const settings = scratch.floats([lr, weightDecay, momentum, 1 - dampening]);
        const flags = [weightDecay !== 0, dampening !== 0, nesterov].map(Number);
        const count = sizeOf(p.spec.shape);
        const args = [...[p, g, before].map(pointer), y, buffer ?? 0, settings, ...flags];
        context.split({ kernel: 'sgd', args, count, grain: GRAIN, cost: COST.sgd * count });
      });
    },

    adam([p, g, m, v], { rate, beta1, beta2, eps, weightDecay, shrink }, outputs) {
      return produceAll(context, outputs, (made, scratch) => {
        const moments = [beta1, 1 - beta1, beta2, 1 - beta2];
        const settings = scratch.floats([rate, ...moments, eps, weightDecay, shrink]);
        const count = sizeOf(p.spec.shape);
        const args = [...[p, g, m, v].map(pointer), ...made, settings, Number(weightDecay !== 0)];
        context.split({ kernel: 'adam', args, count, grain: GRAIN, cost: COST.adam * count });
      });
    },
  };
}
