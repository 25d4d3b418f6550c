/** Position in `candidates` of the first largest value; the first NaN, if there is one, wins. −1 if there is no candidate. */
export function firstMax(values: ArrayLike<number>, candidates: readonly number[]): number {
  let best = -1;
  for (let i = 0; i < candidates.length; i++) {
    const v = values[candidates[i]];
    if (Number.isNaN(v)) return i;
    if (best < 0 || v > values[candidates[best]]) best = i;
  }
  return best;
}
