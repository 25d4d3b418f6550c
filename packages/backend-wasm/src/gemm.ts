import type { Wasm } from './module.ts';

/** The tile of outputs of `multiply` (assembly/gemm.ts), and the words that one takes. */
export const ROWS = 4;
export const COLUMNS = 8;
export const EDGE: number = ROWS * COLUMNS;

/** Lanes in whole panels. */
export function panels(lanes: number, width: number): number {
  return Math.ceil(lanes / width) * width;
}

/** Writes 0, step, 2 · step, …: n numbers. */
export function sequence(wasm: Wasm, to: number, n: number, step: number): void {
  wasm.ramp(to, 0, 1, 1, n, 0, 0, step);
}
