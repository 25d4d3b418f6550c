import { composite } from '../op.ts';
import type { Tensor } from '../tensor.ts';
import { wantListed } from './check.ts';
import { concat, gather } from './movement.ts';

/** Positions that one list holds. */
const PIECE = 2 ** 20;

/**
 * An axis of extent `count`, made a piece at a time: so that what is listed for its positions stays small beside it.
 * `make(from, n)` gives positions `from` to `from + n`.
 */
export function inPieces(
  axis: number,
  count: number,
  make: (from: number, n: number) => Tensor,
  piece: number = PIECE,
): Tensor {
  if (count <= piece) return make(0, count);
  const pieces: Tensor[] = [];
  for (let from = 0; from < count; from += piece)
    pieces.push(composite(() => make(from, Math.min(piece, count - from))));
  return concat(pieces, axis);
}

/** Position i of the new axis, of `count`, is position `source(i)` of the old one. @throws OutOfMemoryError */
export function gatherFrom(
  op: string,
  x: Tensor,
  axis: number,
  count: number,
  source: (i: number) => number,
): Tensor {
  const shape = x.shape.map((d, i) => (i === axis ? count : d));
  wantListed(op, axis, { dtype: x.dtype, shape }, x.backend);
  return inPieces(axis, count, (from, n) => {
    const list = new Int32Array(n);
    for (let i = 0; i < n; i++) list[i] = source(from + i);
    return gather(x, list, axis);
  });
}
