import { sizeOf, stridesOf, type Kernels, type Shape } from '@graftjs/core';
import { collapse } from '@graftjs/core/planning';
import { produce, type Context } from './context.ts';
import { BYTES, type WasmBuffer } from './memory.ts';

/** How a reduction walks over its input; see assembly/reduce.ts. */
interface Plan {
  readonly lanes: number;
  /** Extents of the axes that are kept, without those of the lanes, and then the strides over them. */
  readonly kept: readonly number[];
  readonly runs: Int32Array;
  readonly length: number;
  readonly step: number;
}

function plan(shape: Shape, axes: readonly number[]): Plan {
  const strides = stridesOf(shape);
  const pick = (list: readonly number[], reduced: boolean): number[] =>
    list.filter((_, i) => axes.includes(i) === reduced);
  const kept = collapse({ shape: pick(shape, false), strides: [pick(strides, false)] });
  const gone = collapse({ shape: pick(shape, true), strides: [pick(strides, true)] });
  const sideBySide = kept.strides[0]!.at(-1) === 1;
  const outer = kept.shape.length - Number(sideBySide);
  return {
    lanes: sideBySide ? kept.shape.at(-1)! : 1,
    kept: [...kept.shape.slice(0, outer), ...kept.strides[0]!.slice(0, outer)],
    runs: offsets(gone.shape.slice(0, -1), gone.strides[0]!),
    length: gone.shape.at(-1) ?? 1,
    step: gone.strides[0]!.at(-1) ?? 0,
  };
}

/** Offsets of all indices of a strided array, in row-major order. */
function offsets(shape: Shape, strides: readonly number[]): Int32Array {
  let list = new Int32Array(1);
  shape.forEach((extent, axis) => {
    const next = new Int32Array(list.length * extent);
    for (let i = 0, t = 0; i < list.length; i++)
      for (let j = 0; j < extent; j++) next[t++] = list[i]! + j * strides[axis]!;
    list = next;
  });
  return list;
}

/** As in assembly/reduce.ts: elements of a block, outputs side by side of one part, words that a thread needs for either. */
const BLOCK = 1024;
const WIDTH = 256;
const BLOCK_ROOM = BLOCK + 4;
const PARTIALS_ROOM = 8 * WIDTH;

/** Nanoseconds per element of a sum or maximum. */
const COST = 0.4;

/** Numbers of the kinds of maxima that assembly/reduce.ts knows; sums are 0 (float32) and 1 (int32). */
const MAXIMA = { float32: 2, int32: 3, bool: 4 } as const;

export function reduceKernels(context: Context): Pick<Kernels<WasmBuffer>, 'reduce'> {
  return {
    reduce([x], { kind, axes }, y) {
      return produce(context, y, (to, scratch) => {
        const outputs = sizeOf(y.shape);
        if (outputs === 0) return;
        const { shape, dtype } = x.spec;
        const from = x.buffer.ptr;
        const size = sizeOf(shape);
        if (size === 0) {
          context.split({ kernel: 'fillWords', args: [to, 0], count: outputs, grain: 4, cost: outputs });
          return;
        }
        const { lanes, length, step, kept, runs } = plan(shape, axes);
        const outer = kept.length / 2;
        const table = outer > 0 ? scratch.ints(kept) : 0;
        if (kind === 'argmax') {
          const args = [MAXIMA[dtype], from, outer, table, lanes, length, step, to];
          const count = (outputs / lanes) * Math.ceil(lanes / WIDTH);
          context.split({ kernel: 'argmax', args, count, cost: size });
          return;
        }
        // First the result of each block, and then of these; where there is one block, it is the whole.
        const blocks = Math.ceil((runs.length * length) / BLOCK);
        const results = blocks === 1 ? to : scratch.words(Math.ceil((outputs * blocks * BYTES[dtype]) / 4));
        const number = kind === 'sum' ? Number(dtype === 'int32') : MAXIMA[dtype];
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
          const count = groups * Math.ceil(lanes / WIDTH);
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
  };
}
