import { defineOp, type Primitive } from '../op.ts';
import type { Tensor } from '../tensor.ts';
import { sameShape, showShape, sizeOf } from '../types.ts';
import { ops } from './bound.ts';
import { broadcastShapes, fail, wantDtype } from './check.ts';

export const matmulOp: Primitive<'matmul'> = /* @__PURE__ */ defineOp({
  name: 'matmul',
  infer([a, b], { transposeA, transposeB }) {
    wantDtype('matmul', 'inputs', a, 'float32');
    wantDtype('matmul', 'inputs', b, 'float32');
    const [sa, sb] = [a.shape, b.shape];
    const show = `${showShape(sa)}${transposeA ? 'ᵀ' : ''} × ${showShape(sb)}${transposeB ? 'ᵀ' : ''}`;
    if (sa.length < 2 || sa.length !== sb.length || !sameShape(sa.slice(0, -2), sb.slice(0, -2))) {
      fail('matmul', `${show}: both need the same batch axes and at least 2 axes`);
    }
    const [m, ka] = transposeA ? [sa.at(-1)!, sa.at(-2)!] : [sa.at(-2)!, sa.at(-1)!];
    const [kb, n] = transposeB ? [sb.at(-1)!, sb.at(-2)!] : [sb.at(-2)!, sb.at(-1)!];
    if (ka !== kb) fail('matmul', `${show}: inner extents ${ka} and ${kb} differ`);
    return { dtype: 'float32', shape: [...sa.slice(0, -2), m, n] };
  },
  vjp({ inputs, gy, attrs: { transposeA, transposeB }, needs }) {
    const [a, b] = inputs as [Tensor, Tensor];
    const mm = (x: Tensor, y: Tensor, tx: boolean, ty: boolean): Tensor =>
      matmulOp.apply([x, y], { transposeA: tx, transposeB: ty });
    return [
      // y = A·B: gA = gy·Bᵀ, gB = Aᵀ·gy; of a transposed operand the transpose of that.
      needs[0] ? (transposeA ? mm(b, gy, transposeB, true) : mm(gy, b, false, !transposeB)) : null,
      needs[1] ? (transposeB ? mm(gy, a, true, transposeA) : mm(a, gy, !transposeA, false)) : null,
    ];
  },
  flops([a], { transposeA }, y) {
    return 2 * sizeOf(y.shape) * a.shape.at(transposeA ? -2 : -1)!;
  },
});

export interface MatmulOptions {
  /** The operand is stored transposed in its last two axes. */
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
}

/**
 * Matrix product over the last two axes; leading axes broadcast. Sums go over k in ascending order.
 * @param a `[...batch, m, k]`, or `[...batch, k, m]` with `transposeA`.
 * @param b `[...batch, k, n]`, or `[...batch, n, k]` with `transposeB`.
 * @returns `[...batch, m, n]`.
 * @throws ShapeError where the inner extents differ, the batch axes do not broadcast, an operand has fewer than 2 axes or
 * another dtype than float32.
 * @example
 * const a = tensor([[1, 2], [3, 4]]);
 * matmul(a, tensor([[1], [10]])); // → [[21], [43]]
 * matmul(a, a, { transposeB: true }); // → [[5, 11], [11, 25]]
 */
export function matmul(a: Tensor, b: Tensor, options: MatmulOptions = {}): Tensor {
  const { transposeA = false, transposeB = false } = options;
  if (a.rank < 2 || b.rank < 2)
    fail(
      'matmul',
      `${showShape(a.shape)} × ${showShape(b.shape)}: both need at least 2 axes, add one with expandDims()`,
    );
  const batch = broadcastShapes('matmul', a.shape.slice(0, -2), b.shape.slice(0, -2));
  const expand = (t: Tensor): Tensor => ops.broadcastTo(t, [...batch, ...t.shape.slice(-2)]);
  return matmulOp.apply([expand(a), expand(b)], { transposeA, transposeB });
}
