import { tensor, type Module, type Tensor } from '@graftjs/core';

/** `n` numbers in [−1, 1): the multiplicative hash of seed and position in make-fixtures.py. */
export function hashed(seed: number, n: number): Float32Array {
  return new Float32Array(n).map((_, i) => {
    let h = Math.imul(i + seed * 7919 + 1, 2654435761) >>> 0;
    h = Math.imul(h ^ (h >>> 15), 2246822519) >>> 0;
    h ^= h >>> 13;
    return (h >>> 0) / 2 ** 31 - 1;
  });
}

/** Fills a network like make-fixtures.py does; `names` in the order of its state dict there. */
export function fillHashed(model: Module, names: readonly string[]): void {
  const state = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (const [name, { shape, size, dtype }] of model.stateDict()) {
    if (dtype !== 'float32') continue;
    const u = hashed(names.indexOf(name), size);
    const fan = size / (shape[0] ?? 1);
    const [middle, scale] = name.endsWith('running_var')
      ? [1, 1 / 2]
      : name.endsWith('running_mean') || name.endsWith('bias')
        ? [0, 1 / 10]
        : shape.length === 1
          ? [1, 1 / 4]
          : [0, Math.sqrt(6 / fan)];
    state.set(name, { shape, data: u.map((v) => middle + v * scale) });
  }
  model.loadStateDict(state, { strict: false });
}

export function hashedPicture(seed: number, shape: readonly number[]): Tensor {
  return tensor(
    hashed(
      seed,
      shape.reduce((p, d) => p * d, 1),
    ),
    shape,
  );
}
