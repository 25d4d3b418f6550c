import { wantActivation } from '../ops/spatial.ts';
import type { Layout } from '../types.ts';
import type { Tensor } from '../tensor.ts';
import { Layer } from './layer.ts';

/** What every module with spatial axes takes. */
export interface LayoutOption {
  /** Default channels-first. */
  readonly layout?: Layout;
}

/** For configurations: the default is not said. */
export function layoutConfig({ layout }: { readonly layout: Layout }): LayoutOption {
  return layout === 'channels-first' ? {} : { layout };
}

/** A module whose input has a batch axis, a channel axis and a fixed number of spatial axes: its class's `rank`. */
export abstract class SpatialModule extends Layer {
  declare protected static readonly rank: number;
  readonly spatialRank: number;
  readonly layout: Layout;
  constructor(options: LayoutOption) {
    super();
    this.spatialRank = new.target.rank;
    this.layout = options.layout ?? 'channels-first';
  }
  /** @throws ShapeError unless x is an activation of this module's rank. */
  protected check(x: Tensor): void {
    wantActivation(this.constructor.name, 'input', x, this.layout, this.spatialRank);
  }
}
