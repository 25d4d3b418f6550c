import { sizeOf, stridesOf, type Kernels, type Shape } from '@graftjs/core';
import { collapse } from '@graftjs/core/planning';
import { produce, type Context } from './context.ts';
import type { WasmBuffer } from './memory.ts';

/** How a reduction walks over its input; see assembly/reduce.ts. */
interface Plan {
  readonly lanes: number;
  readonly kept: Int32Array;
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
  return {
    lanes: sideBySide ? kept.shape.at(-1)! : 1,
    kept: offsets(sideBySide ? kept.shape.slice(0, -1) : kept.shape, kept.strides[0]!),
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

/** Elements of a block of a sum, and of the partial sums of outputs side by side. */
const BLOCK = 1024;
const PARTIALS = 8 * 256;

const SHORT = { float32: 'float', int32: 'int', bool: 'bool' } as const;

export function reduceKernels(context: Context): Pick<Kernels<WasmBuffer>, 'reduce'> {
  const { wasm } = context;
  return {
    reduce([x], { kind, axes }, [y]) {
      return produce(context, y!, (to, scratch) => {
        if (sizeOf(y!.shape) === 0) return;
        const { lanes, length, step, ...tables } = plan(x!.spec.shape, axes);
        const kept = scratch.ints(tables.kept);
        const runs = scratch.ints(tables.runs);
        const from = x!.buffer.ptr;
        const [count, runCount] = [tables.kept.length, tables.runs.length];
        const { dtype } = x!.spec;
        if (kind === 'argmax') {
          wasm[`argmax_${SHORT[dtype]}`](from, kept, count, lanes, length, step, to);
        } else if (kind === 'max') {
          wasm[`max_${SHORT[dtype]}`](from, kept, count, lanes, runs, runCount, length, step, to);
        } else if (dtype === 'int32') {
          wasm.sum_int(from, kept, count, lanes, runs, runCount, length, step, to);
        } else if (lanes > 1) {
          const partials = scratch.words(PARTIALS);
          wasm.sumLanes(from, kept, count, lanes, runs, runCount, length, step, to, partials);
        } else {
          const block = scratch.words(BLOCK);
          wasm.sumRows(from, kept, count, runs, runCount, length, step, to, block);
        }
      });
    },
  };
}
