import { type Kernels, reducePlan, sizeOf } from '@graftjs/core/backend';
import { BLOCK, INT_MAX, INT_SUM, LANES, MAX, PARTIALS, SUM } from './agreed.ts';
import { produce, type Context } from './context.ts';
import type { WasmBuffer } from './memory.ts';

/** Words that a thread needs: for a block, or for partial sums of outputs side by side. */
const BLOCK_ROOM = BLOCK + 4;
const PARTIALS_ROOM = PARTIALS * LANES;

/** Words for each element that is sorted: its key. */
const SORT_ROOM = 2;

/** Nanoseconds per element of a sum or maximum, and of a sort of a thousand. */
const COST = 0.4;
const SORT_COST = 40;

export function reduceKernels(context: Context): Pick<Kernels<WasmBuffer>, 'reduce' | 'argsort'> {
  return {
    reduce([x], { kind, axes }, y) {
      return produce(context, y, (to, scratch) => {
        const outputs = sizeOf(y.shape);
        if (outputs === 0) return;
        const { shape, dtype } = x.spec;
        const [largest, sum] = dtype === 'int32' ? [INT_MAX, INT_SUM] : [MAX, SUM];
        const from = x.buffer.ptr;
        const size = sizeOf(shape);
        if (size === 0) {
          context.split({ kernel: 'fillWords', args: [to, 0], count: outputs, grain: 4, cost: outputs });
          return;
        }
        const { lanes, length, step, kept, runs } = reducePlan(shape, axes);
        const outer = kept.shape.length;
        const table = outer > 0 ? scratch.ints([...kept.shape, ...kept.strides]) : 0;
        if (kind === 'argmax') {
          const args = [largest, from, outer, table, lanes, length, step, to];
          const count = (outputs / lanes) * Math.ceil(lanes / LANES);
          context.split({ kernel: 'argmax', args, count, cost: size });
          return;
        }
        // First the result of each block, and then of these; where there is one block, it is the whole.
        const blocks = Math.ceil((runs.length * length) / BLOCK);
        const results = blocks === 1 ? to : scratch.words(outputs * blocks);
        const number = kind === 'max' ? largest : sum;
        const groups = (outputs / lanes) * blocks;
        const list = scratch.ints(runs);
        if (lanes > 1) {
          const room = scratch.words(context.threads * PARTIALS_ROOM);
          const args = [
            number,
            from,
            outer,
            table,
            lanes,
            list,
            runs.length,
            length,
            step,
            blocks,
            results,
            room,
          ];
          const count = groups * Math.ceil(lanes / LANES);
          context.split({ kernel: 'reduceLanes', args, count, cost: size * COST });
        } else {
          const room = scratch.words(context.threads * BLOCK_ROOM);
          const args = [number, from, outer, table, list, runs.length, length, blocks, results, room];
          context.split({ kernel: 'reduceRows', args, count: groups, cost: size * COST });
        }
        if (blocks > 1) {
          const args = [number, results, lanes, blocks, to];
          context.split({ kernel: 'joinBlocks', args, count: outputs, cost: outputs * blocks * 2 });
        }
      });
    },

    argsort([x], { axis, descending }, y) {
      return produce(context, y, (to, scratch) => {
        const { shape, dtype } = x.spec;
        const size = sizeOf(shape);
        if (size === 0) return;
        const extent = shape[axis]!;
        const inner = sizeOf(shape.slice(axis + 1));
        const room = scratch.words(context.threads * extent * SORT_ROOM);
        const args = [x.buffer.ptr, Number(dtype === 'int32'), extent, inner, -Number(descending), to, room];
        context.split({ kernel: 'argsort', args, count: size / extent, cost: size * SORT_COST });
      });
    },
  };
}
