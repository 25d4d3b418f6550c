import { sizeOf, stridesOf, type TensorSpec, type TypedArray } from './types.ts';

const EDGE = 3;
const MAX_PER_AXIS = 8;

/** Values as nested brackets, columns aligned, axes longer than 8 elided to their first and last three. */
export function format(values: TypedArray, spec: TensorSpec): string {
  const { shape, dtype } = spec;
  const strides = stridesOf(shape);
  const shown = shape.map((n): number[] =>
    n <= MAX_PER_AXIS
      ? Array.from({ length: n }, (_, i) => i)
      : [
          ...Array.from({ length: EDGE }, (_, i) => i),
          -1,
          ...Array.from({ length: EDGE }, (_, i) => n - EDGE + i),
        ],
  );
  const text = (v: number): string =>
    dtype === 'bool'
      ? v
        ? 'true'
        : 'false'
      : dtype === 'int32' || Number.isInteger(v)
        ? String(v)
        : v.toPrecision(5);
  let width = 0;
  const measure = (axis: number, offset: number): void => {
    if (axis === shape.length) width = Math.max(width, text(values[offset]!).length);
    else for (const i of shown[axis]!) if (i >= 0) measure(axis + 1, offset + i * strides[axis]!);
  };
  if (sizeOf(shape) > 0) measure(0, 0);
  const draw = (axis: number, offset: number): string => {
    if (axis === shape.length) return text(values[offset]!).padStart(width);
    const items = shown[axis]!.map((i) => (i < 0 ? '…' : draw(axis + 1, offset + i * strides[axis]!)));
    const last = axis === shape.length - 1;
    return `[${items.join(last ? ', ' : `,\n${' '.repeat(axis + 1)}`)}]`;
  };
  return draw(0, 0);
}
