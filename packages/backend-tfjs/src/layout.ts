import type { Layout } from '@graftjs/core/backend';
import type { Info, Tfjs } from './tfjs.ts';
import { transpose } from './vocabulary.ts';

// tfjs's window kernels know channels-last only, so everything is brought into `[n, ...spatial, c]` and back.

export function toChannelsLast(t: Tfjs, x: Info, layout: Layout): Info {
  const rank = x.shape.length;
  if (layout === 'channels-last') return x;
  return transpose(t, x, [0, ...Array.from({ length: rank - 2 }, (_, i) => i + 2), 1]);
}

export function fromChannelsLast(t: Tfjs, x: Info, layout: Layout): Info {
  const rank = x.shape.length;
  if (layout === 'channels-last') return x;
  return transpose(t, x, [0, rank - 1, ...Array.from({ length: rank - 2 }, (_, i) => i + 1)]);
}

/** Extents of the spatial axes of `[n, ...spatial, c]`. */
export function spatialOf(x: Info): number[] {
  return x.shape.slice(1, -1);
}
