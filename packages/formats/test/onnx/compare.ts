import type { TypedArray } from '@graftjs/core';
import type { OnnxElement } from '@graftjs/onnx-graph';

/** Cases whose own values are further off than float32 explains. For them, what ONNX's runner allows: 10⁻⁷ + 10⁻³ · |wanted|. */
const LOOSE: Readonly<Record<string, string>> = {
  gridsample: 'its values were computed in another order and written down with few digits',
  gridsample_bicubic: 'its values were written down with few digits',
  mod_mixed_sign_float64: 'rounding the inputs to float32 moves the remainder by more than its own rounding',
  elu: "its values come from exp(x) − 1, which loses the digits that Graft's expm1 keeps",
  elu_default: 'as elu',
  selu: 'as elu',
  selu_default: 'as elu',
  hardswish: 'its values come from x / 6 + ½, rounded elsewhere, and cancel near −3',
  hardswish_expanded: 'as hardswish',
};

/** One rounding when values were stored. */
const STORED: Partial<Record<OnnxElement, number>> = {
  float64: 2 ** -24,
  float32: 2 ** -24,
  float16: 2 ** -11,
  bfloat16: 2 ** -8,
};

interface Values {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}

/**
 * What is wrong with values, or null. Whole numbers and truths must be equal. Floats may differ by twice `error`, the bound
 * that running error analysis gives for Graft's arithmetic in this very graph (the values wanted were computed in
 * float32, too, in another order; null: 0), and by the rounding with which they were stored.
 */
export function difference(
  name: string,
  got: Values,
  wanted: Values & { readonly element: OnnxElement },
  error: TypedArray | null,
): string | null {
  if (got.shape.join() !== wanted.shape.join())
    return `shape [${got.shape.join(', ')}] instead of [${wanted.shape.join(', ')}]`;
  const unit = STORED[wanted.element];
  for (let i = 0; i < wanted.data.length; i++) {
    const [y, w] = [got.data[i]!, wanted.data[i]!];
    if (y === w || (Number.isNaN(y) && Number.isNaN(w))) continue;
    const allowed =
      unit === undefined
        ? 0
        : Object.hasOwn(LOOSE, name)
          ? 1e-7 + 1e-3 * Math.abs(w)
          : 2 * (error?.[i] ?? 0) + unit * Math.abs(w) + 2 ** -149;
    if (!(Math.abs(y - w) <= allowed)) return `element ${i} is ${y} instead of ${w}, ± ${allowed}`;
  }
  return null;
}
