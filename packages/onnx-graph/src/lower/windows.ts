import type { Layout, Shape, WindowAttrs } from '@graftjs/core/backend';
import type { GraphBuilder, Value } from './builder.ts';
import { transpose } from './vocabulary.ts';

// ONNX's windows are over `[n, c, ...spatial]`, so everything is brought there and back.

export function toChannelsFirst(b: GraphBuilder, x: Value, layout: Layout): Value {
  const rank = x.shape.length;
  if (layout === 'channels-first') return x;
  return transpose(b, x, [0, rank - 1, ...Array.from({ length: rank - 2 }, (_, i) => i + 1)]);
}

export function fromChannelsFirst(b: GraphBuilder, x: Value, layout: Layout): Value {
  const rank = x.shape.length;
  if (layout === 'channels-first') return x;
  return transpose(b, x, [0, ...Array.from({ length: rank - 2 }, (_, i) => i + 2), 1]);
}

/** Extents of the spatial axes of an activation. */
export function spatialOf(shape: Shape, layout: Layout): readonly number[] {
  return layout === 'channels-last' ? shape.slice(1, -1) : shape.slice(2);
}

/** How far a window reaches on each axis, less one. */
export function reachOf({ kernel, dilation }: Pick<WindowAttrs, 'kernel' | 'dilation'>): number[] {
  return kernel.map((k, i) => (k - 1) * dilation[i]!);
}

/** ONNX's attribute: all that is before, then all that is after. */
export function padsOf(padding: WindowAttrs['padding']): number[] {
  return [...padding.map(([lo]) => lo), ...padding.map(([, hi]) => hi)];
}
