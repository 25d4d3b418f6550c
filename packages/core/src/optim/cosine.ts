/** cos(π x) for 0 ≤ x ≤ 1 by Taylor's series on [0, ½]: the same bits on every platform, unlike `Math.cos`. */
function cosPi(x: number): number {
  if (x > 0.5) return -cosPi(1 - x);
  const z = -(Math.PI * x) * (Math.PI * x);
  let sum = 1;
  for (let k = 24; k >= 2; k -= 2) sum = 1 + (z / (k * (k - 1))) * sum;
  return sum;
}

/**
 * From one value to another along half a cosine, for shares of the way from 0 to 1; beyond them it stays.
 * @param cosine gives cos(π x).
 */
export function alongCosine(
  from: number,
  to: number,
  share: number,
  cosine: (x: number) => number = cosPi,
): number {
  return to + ((from - to) / 2) * (cosine(Math.min(Math.max(share, 0), 1)) + 1);
}
