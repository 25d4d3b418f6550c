import { sizeOf, type Shape, type TensorSpec } from '@graftjs/core';

/** Uniform in [−1, 1), the same every time. */
export function random(size: number, seed = 1): Float32Array<ArrayBuffer> {
  let state = seed;
  return Float32Array.from({ length: size }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

/** Row-major values with their axes in another order: axis i of the result is axis `perm[i]`. */
export function permuted(values: ArrayLike<number>, shape: Shape, perm: readonly number[]): Float32Array {
  const strides = shape.map((_, i) => sizeOf(shape.slice(i + 1)));
  const out = new Float32Array(values.length);
  let at = 0;
  const walk = (axis: number, from: number): void => {
    if (axis === perm.length) {
      out[at++] = values[from]!;
      return;
    }
    const p = perm[axis]!;
    for (let i = 0; i < shape[p]!; i++) walk(axis + 1, from + i * strides[p]!);
  };
  walk(0, 0);
  return out;
}

/** From channels first to channels last. */
export function toLast(values: ArrayLike<number>, shape: Shape): Float32Array {
  return permuted(values, shape, [0, ...shape.slice(2).map((_, i) => i + 2), 1]);
}

/** Back, given the shape channels last. */
export function toFirst(values: ArrayLike<number>, shape: Shape): Float32Array {
  return permuted(values, shape, [0, shape.length - 1, ...shape.slice(2).map((_, i) => i + 1)]);
}

/** Values for an input of a primitive: float32 as they come, integers and booleans small and not negative. */
export function primitiveData({ dtype, shape }: TensorSpec, seed: number): Float32Array {
  const values = random(sizeOf(shape), seed + 1);
  return dtype === 'float32' ? values : values.map((v) => Math.floor(Math.abs(v * 8)));
}
