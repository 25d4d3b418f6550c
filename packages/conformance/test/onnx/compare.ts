import type { OnnxElement } from '@graftjs/onnx-graph';

// What ONNX's own runner allows (onnx/backend/test/runner): |y − wanted| ≤ ABSOLUTE + RELATIVE · |wanted|.
const RELATIVE = 1e-3;
const ABSOLUTE = 1e-7;

const floats = new Set<OnnxElement>(['float32', 'float16', 'bfloat16', 'float64']);

/** What is wrong with values, or null. Whole numbers and truths must be equal, floats as ONNX's runner wants it. */
export function difference(
  got: { readonly shape: readonly number[]; readonly data: ArrayLike<number> },
  wanted: {
    readonly shape: readonly number[];
    readonly data: ArrayLike<number>;
    readonly element: OnnxElement;
  },
): string | null {
  if (got.shape.join() !== wanted.shape.join())
    return `shape [${got.shape.join(', ')}] instead of [${wanted.shape.join(', ')}]`;
  const exact = !floats.has(wanted.element);
  for (let i = 0; i < wanted.data.length; i++) {
    const [y, w] = [got.data[i]!, wanted.data[i]!];
    const same = y === w || (Number.isNaN(y) && Number.isNaN(w));
    const near = !exact && Math.abs(y - w) <= ABSOLUTE + RELATIVE * Math.abs(w);
    if (!same && !near) return `element ${i} is ${y} instead of ${w}`;
  }
  return null;
}
