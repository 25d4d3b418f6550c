/** bⁿ for n ≥ 0 by repeated squaring: the same bits on every platform, unlike `**`. */
export function power(b: number, n: number): number {
  let result = 1;
  for (let square = b, k = n; k > 0; k = Math.floor(k / 2), square *= square)
    if (k % 2 === 1) result *= square;
  return result;
}
