import type { TensorSpec } from '@graftjs/core/backend';
import type { Work } from './kernels.ts';
import type { Texture } from './textures.ts';

/** An operand in the order in which it is multiplied. */
export interface Packed {
  readonly texture: Texture;
  /** Texels along the innermost axis. */
  readonly fours: number;
  /** Of a transposed right-hand matrix: its rows, in texels along the axis that is summed over; `fours` are rows in fours. */
  readonly rows?: number;
}

/** An axis of the packed form: its extent, the distance of neighbours in the tensor, the extent that zeros fill it up to. */
export interface PackAxis {
  readonly extent: number;
  readonly stride: number;
  readonly filled?: number;
}

/**
 * Four axes of a tensor in a new order, the last one in texels of four, filled up with zeros: so every product of the
 * loops that read it is wanted or 0.
 */
export function pack(
  { device }: Work,
  x: Texture,
  spec: TensorSpec,
  axes: readonly [PackAxis, PackAxis, PackAxis, PackAxis],
): Texture {
  const [a, b, c, d] = axes;
  const fours = Math.ceil(d.extent / 4);
  const rows = c.filled ?? c.extent;
  const count = a.extent * b.extent * rows * fours;
  const y = device.textures.take('float', count, 0, spec);
  const filled = c.filled !== undefined && c.filled !== c.extent;
  device.draw({
    key: `pack ${d.stride === 1} ${filled}`,
    inputs: [['x', x]],
    ints: {
      sa: a.stride,
      nb: b.extent,
      sb: b.stride,
      nc: rows,
      mc: c.extent,
      sc: c.stride,
      fours,
      sd: d.stride,
      last: d.extent,
    },
    body: () => `  int q = t;
  int d = divmod(q, fours) * 4;
  int c = divmod(q, nc);
  int b = divmod(q, nb);
  int at = q * sa + b * sb + c * sc + d * sd;
  y0 = vec4(
    x_at(at),
    d + 1 < last ? x_at(at + sd) : 0.0,
    d + 2 < last ? x_at(at + 2 * sd) : 0.0,
    d + 3 < last ? x_at(at + 3 * sd) : 0.0
  );${filled ? '\n  if (c >= mc) y0 = vec4(0);' : ''}`,
    outputs: [y],
    count,
  });
  return y;
}
