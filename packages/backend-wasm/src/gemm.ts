/** The tile of outputs of `multiply` (assembly/gemm.ts), and the words that one takes. */
export const ROWS = 4;
export const COLUMNS = 8;
export const EDGE: number = ROWS * COLUMNS;

/** Lanes in whole panels. */
export function panels(lanes: number, width: number): number {
  return Math.ceil(lanes / width) * width;
}
