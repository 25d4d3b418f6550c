type Elements = Float32Array | Int32Array | Uint8Array;

/**
 * Copies numbers from the caller into Wasm memory, converted as `cast` does: float → int truncates towards zero, NaN
 * gives 0, and what does not fit the nearest int32 (WebAssembly's `i32.trunc_sat_f32_s`); int → float rounds to nearest
 * even; to bool is `!= 0`.
 */
export function convert(from: ArrayLike<number>, to: Elements): void {
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
