import type { Layout, Shape } from './types.ts';

/**
 * Labelled samples that can be had by number. `view` 0 is the plain sample; views 1, 2, … are augmented ones, each the
 * same whenever it is asked for, so that features of a view can be cached and a resumed run sees the same pictures.
 */
export interface DataSource {
  /** Number of samples. */
  readonly length: number;
  /** Shape of one sample, without the batch axis. */
  readonly sampleShape: Shape;
  readonly classes: readonly string[];
  /** Class number of each sample. */
  readonly labels: Int32Array;
  /** Identifies contents and preprocessing of each sample; caches of features are keyed by it. */
  readonly key: string;
  /** The samples one after the other: `indices.length × size of sampleShape` values. */
  load(indices: readonly number[], view: number): Promise<Float32Array>;
}

/** How a picture becomes the network's input; travels with the base and the trained model. */
export interface Preprocess {
  /** Height and width in pixels. */
  readonly size: number;
  /** `squash` scales both sides to `size`; `crop` scales the shorter side and cuts the centre; `pad` fits the longer and fills white. */
  readonly fit: 'squash' | 'crop' | 'pad';
  /** The network sees (value / 255 − mean) / std, per channel R, G, B. */
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
  readonly layout: Layout;
}
