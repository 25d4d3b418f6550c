import { ShapeError } from '../errors.ts';
import { showShape, type DType, type Shape, type TensorSpec } from '../types.ts';

/** Throws a `ShapeError` of the form: `op: what (rule; fix)`. */
export function fail(op: string, message: string): never {
  throw new ShapeError(`${op}: ${message}`);
}

export function wantDtype(op: string, what: string, spec: TensorSpec, ...allowed: DType[]): void {
  if (!allowed.includes(spec.dtype)) {
    fail(op, `${what} is ${spec.dtype}, it must be ${allowed.join(' or ')}: convert with cast()`);
  }
}

/** Resolves a possibly negative axis. */
export function normalizeAxis(op: string, axis: number, rank: number): number {
  const a = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || a < 0 || a >= rank) {
    fail(op, `axis ${axis} does not exist in a tensor of ${rank} axes (${-rank} to ${rank - 1})`);
  }
  return a;
}

/** Resolves axes: undefined means all; the result is sorted and distinct. */
export function normalizeAxes(
  op: string,
  axes: number | readonly number[] | undefined,
  rank: number,
): number[] {
  const list =
    axes === undefined ? Array.from({ length: rank }, (_, i) => i) : typeof axes === 'number' ? [axes] : axes;
  const resolved = list.map((a) => normalizeAxis(op, a, rank));
  if (new Set(resolved).size !== resolved.length) fail(op, `axes [${list.join(', ')}] name one axis twice`);
  return resolved.sort((a, b) => a - b);
}

/** numpy's broadcasting of shapes. */
export function broadcastShapes(op: string, ...shapes: readonly Shape[]): number[] {
  const rank = Math.max(...shapes.map((s) => s.length));
  const out = new Array<number>(rank).fill(1);
  for (const shape of shapes) {
    const offset = rank - shape.length;
    shape.forEach((d, i) => {
      const o = out[offset + i]!;
      if (o === 1) out[offset + i] = d;
      else if (d !== 1 && d !== o) {
        fail(
          op,
          `shapes ${shapes.map(showShape).join(' and ')} do not broadcast: aligned at the right, extents must be equal or 1, axis ${offset + i} has ${o} and ${d}`,
        );
      }
    });
  }
  return out;
}
