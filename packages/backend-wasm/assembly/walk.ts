import { PIECE } from '../src/agreed';

/*
 * Walks over a dense result whose operands are strided, 0 where they repeat. The last two axes are rows and columns; a row
 * is cut in pieces, and a part of a task is a piece. The table holds the extents of the `outer` axes before these two,
 * then each operand's strides over them, in elements.
 */

@inline
export function int(table: usize, i: i32): i32 {
  return load<i32>(table + (<usize>i << 2));
}

@inline
export function element(x: usize, i: i32): usize {
  return x + (<usize>i << 2);
}

/** Where the plane last sought starts in each operand. Globals are a thread's own. */
export let plane0: i32 = 0;
export let plane1: i32 = 0;
export let plane2: i32 = 0;

/** Finds plane number `plane` in row-major order of the outer axes. */
export function seek(table: usize, outer: i32, operands: i32, plane: i32): void {
  plane0 = 0;
  plane1 = 0;
  plane2 = 0;
  for (let axis = outer - 1; axis >= 0; axis--) {
    let i = plane;
    if (axis > 0) {
      const extent = int(table, axis);
      plane = i / extent;
      i -= plane * extent;
    }
    plane0 += i * int(table, outer + axis);
    if (operands > 1) plane1 += i * int(table, 2 * outer + axis);
    if (operands > 2) plane2 += i * int(table, 3 * outer + axis);
  }
}

/** Number of the result's element at which part `part` begins. */
@inline
export function firstOf(part: i32, columns: i32, pieces: i32): i32 {
  return (part / pieces) * columns + min(columns, (part % pieces) * PIECE);
}
