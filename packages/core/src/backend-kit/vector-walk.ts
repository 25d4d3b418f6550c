import { sizeOf, type Shape } from '../types.ts';
import { collapse } from './walk.ts';

/** A tensor that is walked over in the output's order. */
export interface VectorOperand {
  /** Over the output's axes; 0 repeats. */
  readonly strides: readonly number[];
  /** Of the first element. Default 0. */
  readonly offset?: number;
}

/**
 * Where a tensor has the four elements that belong to a vector of the output:
 * - `same`: in its own vector of the same number, counted from `offset / 4`;
 * - `constant`: all four are the element `offset`;
 * - `vector`: in one of its vectors, at a place that is worked out;
 * - `repeated`: all four are the element at that place;
 * - `strided`: at that place and, three times, the innermost stride further on;
 * - `scattered`: each at a place of its own.
 */
export type VectorAccess = 'same' | 'constant' | 'vector' | 'repeated' | 'strided' | 'scattered';

/** A walk in vectors of four, as shaders compute: a texel, a `vec4`. */
export interface VectorWalk {
  /** Extents, with axes merged where all tensors step through them evenly. */
  readonly shape: readonly number[];
  /** The four elements of a vector are neighbours on the innermost axis: one place is worked out for all. */
  readonly together: boolean;
  readonly operands: readonly {
    readonly access: VectorAccess;
    readonly offset: number;
    /** Over `shape`'s axes. */
    readonly strides: readonly number[];
  }[];
}

/** Plans how each tensor's elements are found for the vectors of an output of this shape, as cheaply as its strides allow. */
export function vectorWalk(shape: Shape, operands: readonly VectorOperand[]): VectorWalk {
  const walk = collapse({ shape, strides: operands.map(({ strides }) => strides) });
  const rank = walk.shape.length;
  const inner = walk.shape.at(-1) ?? 1;
  const together = rank === 0 || inner % 4 === 0 || (rank === 1 && sizeOf(shape) > 0);
  return {
    shape: walk.shape,
    together,
    operands: operands.map(({ offset = 0 }, i) => {
      const strides = walk.strides[i]!;
      const last = strides.at(-1) ?? 0;
      const even = offset % 4 === 0 && strides.slice(0, -1).every((s) => s % 4 === 0);
      const access = (): VectorAccess => {
        // rank 1: the only axis's coordinate is the element's number, even beyond the last one, which nobody reads.
        if (rank <= 1 && last === 1 && even) return 'same';
        if (rank === 0 || (rank === 1 && last === 0)) return 'constant';
        if (!together) return 'scattered';
        return last === 1 && even ? 'vector' : last === 0 ? 'repeated' : 'strided';
      };
      return { access: access(), offset, strides };
    }),
  };
}
