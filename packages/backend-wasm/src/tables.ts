import type { Heap, WasmBuffer } from './memory.ts';

/**
 * Writes a struct as the classes of `assembly/` read it: one 32-bit integer per field; a list is written behind, and its
 * field is the pointer.
 */
export function writeTable(heap: Heap, fields: readonly (number | readonly number[])[]): WasmBuffer {
  const size = fields.reduce<number>((n, f) => n + (typeof f === 'number' ? 1 : 1 + f.length), 0);
  const block = heap.alloc(4 * size);
  const ints = heap.int32(block.ptr, size);
  let end = fields.length;
  fields.forEach((field, i) => {
    if (typeof field === 'number') ints[i] = field;
    else {
      ints[i] = block.ptr + 4 * end;
      ints.set(field, end);
      end += field.length;
    }
  });
  return block;
}
