import { COLUMNS, ROWS } from './agreed.ts';

/** Words of a tile. */
export const EDGE: number = ROWS * COLUMNS;

/** Lanes in whole panels. */
export function panels(lanes: number, width: number): number {
  return Math.ceil(lanes / width) * width;
}
