import { wantActivation, type Padding } from '../ops/spatial.ts';
import type { Layout } from '../types.ts';
import type { Tensor } from '../tensor.ts';
import { Module } from './module.ts';

/** Geometry of a sliding window, one entry per spatial axis. */
export interface WindowGeometry {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly padding: Padding;
  /** The window slides over the output: strides spread the inputs apart. */
  readonly transposed?: boolean;
}

/** A module that slides a window over its input. */
export interface Windowed {
  readonly window: WindowGeometry;
}

export function isWindowed(m: Module): m is Module & Windowed {
  return 'window' in m;
}

/** What every module with spatial axes takes. */
export interface LayoutOption {
  /** Default channels-first. */
  readonly layout?: Layout;
}

/** A module whose input has a batch axis, a channel axis and a fixed number of spatial axes. */
export abstract class SpatialModule extends Module {
  readonly layout: Layout;
  constructor(
    readonly spatialRank: number,
    options: LayoutOption = {},
  ) {
    super();
    this.layout = options.layout ?? 'channels-first';
  }
  /** @throws ShapeError unless x is an activation of this module's rank. */
  protected check(x: Tensor): void {
    wantActivation(this.constructor.name, 'input', x, this.layout, this.spatialRank);
  }
}
