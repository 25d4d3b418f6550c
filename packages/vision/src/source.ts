import { inputShape, Random, type DataSource, type Preprocess, type Shape } from '@graftjs/core';
import { augmentPicture, detailSize, type Augmentation } from './augment.ts';
import { DatasetError } from './errors.ts';
import type { Picture } from './picture.ts';
import { fitPicture, inputWriter } from './preprocess.ts';
import { sha256 } from './sha256.ts';
import { byCodeUnit } from './split.ts';

/** One labelled picture of a list. */
export interface PictureEntry {
  /** Identifies the contents, such as a SHA-256 of the file. Same key, same pixels. */
  readonly key: string;
  /** Class number, an index into `classes`. */
  readonly label: number;
  /** What to call it in messages and reports, such as the file's path. Default: the key. */
  readonly name?: string;
  /**
   * The picture, in any size. `augment` is true where it will be augmented: it may then be a larger one, so that
   * zooming in finds detail.
   */
  read(augment: boolean): Promise<Picture>;
}

export interface PictureSourceOptions {
  readonly classes: readonly string[];
  readonly preprocess: Preprocess;
  /** What views 1, 2, … go through. Default: nothing, so all views are the same. */
  readonly augment?: Augmentation;
  /** View v of sample i draws from `new Random(seed, 'augment/i/v')`. Default 0. */
  readonly seed?: number;
  /** Pictures read at the same time. Default 4. */
  readonly concurrency?: number;
}

/** A list of labelled pictures as training data: reads, augments and normalises a batch when it is asked for. */
export class PictureSource implements DataSource {
  readonly length: number;
  readonly sampleShape: Shape;
  readonly classes: readonly string[];
  readonly labels: Int32Array;
  /** SHA-256 over the pictures' keys in order, the preprocessing, the augmentation and its seed. */
  readonly key: string;
  readonly preprocess: Preprocess;
  readonly augment: Augmentation | undefined;
  readonly #seed: number;
  readonly #concurrency: number;

  /** @throws DatasetError if a label is not the number of a class */
  constructor(
    readonly entries: readonly PictureEntry[],
    options: PictureSourceOptions,
  ) {
    const { classes, preprocess, augment, seed = 0, concurrency = 4 } = options;
    this.length = entries.length;
    this.sampleShape = inputShape(preprocess);
    this.classes = classes;
    this.labels = Int32Array.from(entries, (entry) => entry.label);
    for (const { label, name, key } of entries) {
      if (!Number.isInteger(label) || label < 0 || label >= classes.length) {
        throw new DatasetError(
          `${name ?? key} has label ${label}; there are ${classes.length} classes, numbered from 0`,
        );
      }
    }
    this.preprocess = preprocess;
    this.augment = augment;
    this.#seed = seed;
    this.#concurrency = Math.max(1, concurrency);
    const { size, fit, mean, std, layout } = preprocess;
    const changes = augment && Object.entries(augment).sort(([a], [b]) => byCodeUnit(a, b));
    const settings = [size, fit, mean, std, layout, changes ? [changes, seed] : null];
    this.key = sha256(JSON.stringify(['graft-pictures-1', settings, entries.map((entry) => entry.key)]));
  }

  /** How many samples each class has. */
  counts(): number[] {
    const counts = this.classes.map(() => 0);
    for (const label of this.labels) counts[label]!++;
    return counts;
  }

  /**
   * View `view` of sample `index` as a picture of `size × size`, before normalisation: what the network gets to see.
   * @throws DatasetError if there is no such sample
   */
  async picture(index: number, view = 0): Promise<Picture> {
    const entry = this.entries[index];
    if (!entry) throw new DatasetError(`there is no sample ${index}; the source has ${this.length}`);
    if (view === 0 || !this.augment) return fitPicture(await entry.read(false), this.preprocess);
    const { size, fit } = this.preprocess;
    const detailed = fitPicture(await entry.read(true), { size: detailSize(size, this.augment), fit });
    return augmentPicture(detailed, this.augment, new Random(this.#seed, `augment/${index}/${view}`), size);
  }

  /** See `DataSource`. Augmentation and normalisation happen on the calling thread. */
  async load(indices: readonly number[], view: number): Promise<Float32Array> {
    const size = 3 * this.preprocess.size * this.preprocess.size;
    const out = new Float32Array(indices.length * size);
    const write = inputWriter(this.preprocess);
    let next = 0;
    const lane = async (): Promise<void> => {
      for (let i = next++; i < indices.length; i = next++) {
        write(await this.picture(indices[i]!, view), out, i * size);
      }
    };
    await Promise.all(Array.from({ length: Math.min(this.#concurrency, indices.length) }, lane));
    return out;
  }
}
