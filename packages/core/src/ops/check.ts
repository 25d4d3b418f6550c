import type { Backend } from '../backend.ts';
import { OutOfMemoryError, ShapeError } from '../errors.ts';
import { bytesOf, showShape, sizeOf, type DType, type Shape, type TensorSpec } from '../types.ts';

/** Throws a `ShapeError` of the form: `op: what (rule; fix)`. */
export function fail(op: string, message: string): never {
  throw new ShapeError(`${op}: ${message}`);
}

export function wantDtype(op: string, what: string, spec: TensorSpec, ...allowed: DType[]): void {
  if (!allowed.includes(spec.dtype)) {
    fail(op, `${what} is ${spec.dtype}, it must be ${allowed.join(' or ')}: convert with cast()`);
  }
}

/** A value as a person would write it. */
function show(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`;
  return Array.isArray(value) ? `[${value.map(show).join(', ')}]` : String(value);
}

/** Checks a count, an extent or a position: a whole number, `least` or more. */
export function wantWhole(op: string, what: string, value: unknown, least = 0): void {
  if (!Number.isSafeInteger(value) || (value as number) < least)
    fail(op, `${what} ${show(value)} must be a whole number, ${least} or more`);
}

/** Checks a list of extents. */
export function wantShape(op: string, shape: unknown, what = 'shape'): void {
  if (!Array.isArray(shape)) fail(op, `${what} ${show(shape)} must be a list of extents, such as [2, 3]`);
  if (!shape.every((d) => Number.isSafeInteger(d) && d >= 0))
    fail(op, `${what} ${show(shape)}: every extent must be a whole number, 0 or more`);
}

/** Checks a word. */
export function wantOneOf(op: string, what: string, value: unknown, allowed: readonly string[]): void {
  if (!allowed.includes(value as string))
    fail(op, `${what} ${show(value)} is not known: it must be ${allowed.map(show).join(' or ')}`);
}

/** Checks how losses are put together. */
export function wantReduction(op: string, kind: string): void {
  wantOneOf(op, 'reduction', kind, ['mean', 'sum', 'none']);
}

/** Most elements of one tensor: positions in it are int32 on every backend. */
const MAX_ELEMENTS = 2 ** 31 - 1;

/**
 * Is there room for a result? Asked before anything is built for it, so that what can never be is refused at once.
 * @throws OutOfMemoryError that names the op and the bytes.
 */
export function wantRoom(op: string, spec: TensorSpec, backend?: Backend): void {
  const size = sizeOf(spec.shape);
  const bytes = bytesOf(spec);
  const fits = backend?.largest === undefined || bytes <= backend.largest;
  if (size <= MAX_ELEMENTS && fits) return;
  const limit =
    fits || size > MAX_ELEMENTS
      ? `${MAX_ELEMENTS} elements`
      : `${backend.largest} bytes on '${backend.name}'`;
  throw new OutOfMemoryError(
    `${op}: no room for ${spec.dtype}${showShape(spec.shape)}, ${bytes} bytes: a tensor has at most ${limit}`,
  );
}

/**
 * Longest axis that is made position by position, from lists of where each comes from. Lists take several times the room
 * of the result; this many positions are more than any picture, volume or recording has on one axis.
 */
const MAX_LISTED = 2 ** 26;

/** The same for a result whose axis is made from lists. @throws OutOfMemoryError */
export function wantListed(op: string, axis: number, spec: TensorSpec, backend?: Backend): void {
  wantRoom(op, spec, backend);
  const extent = spec.shape[axis]!;
  if (extent > MAX_LISTED)
    throw new OutOfMemoryError(
      `${op}: no room to make ${spec.dtype}${showShape(spec.shape)}, ${bytesOf(spec)} bytes: axis ${axis} is made position by position, of which there may be ${MAX_LISTED}`,
    );
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
  const rank = shapes.reduce((most, s) => Math.max(most, s.length), 0);
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
