// Helpers of the tests; no entry exports them.
import { createPicture, type Picture } from './picture.ts';

/** Random bytes from a linear congruential generator (Numerical Recipes), easy to repeat in another language. */
export function noise(width: number, height: number, seed: number): Picture {
  const picture = createPicture(width, height);
  let state = seed;
  for (let i = 0; i < picture.data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    picture.data[i] = state >>> 24;
  }
  return picture;
}

/** The colour of a pixel. */
export function pixel(picture: Picture, x: number, y: number): [number, number, number] {
  const at = (y * picture.width + x) * 3;
  return [picture.data[at]!, picture.data[at + 1]!, picture.data[at + 2]!];
}

/** Numbers that do not depend on core's generator, so that what is pinned here is this package's arithmetic alone. */
export function fixedDraws(seed: number): { uniform(): number; permutation(n: number): Int32Array } {
  let state = seed;
  return {
    uniform: () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state / 2 ** 32;
    },
    permutation: (n) => Int32Array.from({ length: n }, (_, i) => n - 1 - i),
  };
}
