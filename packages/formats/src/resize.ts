import { add, gather, mul, sub, tensor, type Layout, type Tensor } from '@graftjs/core';

export interface ResizeOptions {
  readonly method: 'nearest' | 'bilinear';
  /** The corner pixels of input and output lie on each other. */
  readonly alignCorners: boolean;
  /** Pixels are squares, their centres at ½, 1½, …; not together with `alignCorners`. */
  readonly halfPixelCenters: boolean;
  readonly layout: Layout;
}

/** Where output pixel `i` of `to` lies on an axis of `from` input pixels, as in TensorFlow's resize kernels. */
function position(i: number, from: number, to: number, o: ResizeOptions): number {
  if (o.alignCorners) return to > 1 ? (i * (from - 1)) / (to - 1) : 0;
  const scale = from / to;
  if (!o.halfPixelCenters) return i * scale;
  return o.method === 'bilinear' ? (i + 0.5) * scale - 0.5 : (i + 0.5) * scale;
}

/** Resizes the two spatial axes of an activation to `[height, width]`, one axis after the other. */
export function resize(x: Tensor, size: readonly [number, number], options: ResizeOptions): Tensor {
  const first = options.layout === 'channels-last' ? 1 : 2;
  return size.reduce((y, to, k) => {
    const axis = first + k;
    const from = y.shape[axis]!;
    if (from === to) return y;
    const at = Array.from({ length: to }, (_, i) => position(i, from, to, options));
    const inside = (i: number): number => Math.min(Math.max(i, 0), from - 1);
    if (options.method === 'nearest') {
      return gather(
        y,
        at.map((p) => inside(options.alignCorners ? Math.round(p) : Math.floor(p))),
        axis,
      );
    }
    const weights = tensor(
      Float32Array.from(at, (p) => p - Math.floor(p)),
      y.shape.map((_, i) => (i === axis ? to : 1)),
      { backend: y.backend },
    );
    const low = gather(
      y,
      at.map((p) => inside(Math.floor(p))),
      axis,
    );
    const high = gather(
      y,
      at.map((p) => inside(Math.floor(p) + 1)),
      axis,
    );
    return add(low, mul(sub(high, low), weights));
  }, x);
}
