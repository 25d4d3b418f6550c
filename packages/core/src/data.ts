import { GraftError } from './errors.ts';
import { showShape, sizeOf, type Shape } from './types.ts';

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

/**
 * Checks labels before they are used.
 * @throws GraftError that names the first one that is no class number.
 * @example
 * wantLabels([0, 1, 1], ['cat', 'dog']); // → undefined
 */
export function wantLabels(labels: ArrayLike<unknown>, classes: readonly string[]): void {
  const c = classes.length;
  for (let i = 0; i < labels.length; i++) {
    const l = labels[i];
    if (Number.isInteger(l) && (l as number) >= 0 && (l as number) < c) continue;
    const shown = typeof l === 'string' ? `'${l}'` : String(l);
    const hint = typeof l === 'string' && classes.includes(l) ? `: write ${classes.indexOf(l)} for it` : '';
    throw new GraftError(
      `the label of sample ${i}, ${shown}, is not one of ${c} classes: labels are numbers from 0 to ${c - 1}${hint}`,
    );
  }
}

/**
 * Samples that are in memory already. Has no augmented views: every view is the plain sample.
 * @example
 * const values = new Float32Array([1, 2, 3, 4, 5, 6]);
 * const source = new ArraySource(values, [0, 1, 1], [2], ['cat', 'dog']);
 * source.length; // → 3
 * source.load([2, 0]); // → [5, 6, 1, 2]
 */
export class ArraySource implements DataSource {
  readonly length: number;
  readonly labels: Int32Array;
  readonly key: string;
  /**
   * @param values sample after sample, row-major.
   * @param key name them if features are to be kept across runs.
   */
  constructor(
    readonly values: Float32Array,
    labels: ArrayLike<number>,
    readonly sampleShape: Shape,
    readonly classes: readonly string[],
    key = 'array',
  ) {
    this.length = labels.length;
    wantLabels(labels, classes);
    this.labels = Int32Array.from(labels);
    this.key = key;
    if (values.length !== this.length * sizeOf(sampleShape)) {
      throw new GraftError(
        `${values.length} values are not ${this.length} samples of ${showShape(sampleShape)}`,
      );
    }
  }

  load(indices: readonly number[]): Promise<Float32Array> {
    const size = sizeOf(this.sampleShape);
    const out = new Float32Array(indices.length * size);
    indices.forEach((index, i) => out.set(this.values.subarray(index * size, (index + 1) * size), i * size));
    return Promise.resolve(out);
  }
}

/**
 * Some samples of another source, in the order given.
 * @example
 * const all = new ArraySource(new Float32Array([1, 2, 3]), [0, 1, 1], [1], ['cat', 'dog']);
 * new Subset(all, [2, 0]).labels; // → [1, 0]
 */
export class Subset implements DataSource {
  readonly labels: Int32Array;
  readonly key: string;
  constructor(
    readonly source: DataSource,
    readonly indices: readonly number[],
  ) {
    this.labels = Int32Array.from(indices, (i) => source.labels[i]!);
    this.key = `${source.key}[${indices.join()}]`;
  }
  get length(): number {
    return this.indices.length;
  }
  get sampleShape(): Shape {
    return this.source.sampleShape;
  }
  get classes(): readonly string[] {
    return this.source.classes;
  }
  load(indices: readonly number[], view: number): Promise<Float32Array> {
    return this.source.load(
      indices.map((i) => this.indices[i]!),
      view,
    );
  }
}
