import { sizeOf, type DType, type TensorSpec } from '../types.ts';

/** Elements in JavaScript's memory. */
export type ElementArray = Float32Array | Int32Array | Uint8Array;

/** The array types of elements in JavaScript's memory. */
export const ARRAYS: {
  readonly float32: typeof Float32Array;
  readonly int32: typeof Int32Array;
  readonly bool: typeof Uint8Array;
} = { float32: Float32Array, int32: Int32Array, bool: Uint8Array } satisfies Record<DType, unknown>;

/**
 * Copies numbers into another element type, as `cast` has it: float → int truncates towards zero, NaN gives 0, and what does
 * not fit the nearest int32 (WebAssembly's `i32.trunc_sat_f32_s`); int → float rounds to nearest even; to bool is `!= 0`.
 * @param from Numbers (or booleans) from outside, or another tensor's elements; as many as `to` has.
 */
export function convertInto(from: ArrayLike<number>, to: ElementArray): void {
  const n = to.length;
  if (to instanceof Uint8Array) {
    for (let i = 0; i < n; i++) to[i] = Number(from[i]) === 0 ? 0 : 1; // Number: `from` may hold booleans
  } else if (to instanceof Float32Array || from instanceof Int32Array || from instanceof Uint8Array) {
    to.set(from);
  } else {
    for (let i = 0; i < n; i++)
      to[i] = Math.max(-2147483648, Math.min(2147483647, Math.trunc(from[i]!) || 0));
  }
}

/** The same into a new array of the spec's type and size. */
export function converted(
  data: ArrayLike<number>,
  { dtype, shape }: TensorSpec,
): Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint8Array<ArrayBuffer> {
  const y = new ARRAYS[dtype](sizeOf(shape));
  convertInto(data, y);
  return y;
}
