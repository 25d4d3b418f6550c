import { imageNetPreprocess, type Preprocess } from '@graftjs/core';
import { suggestion } from '@graftjs/core/extend';
import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import sharp from 'sharp';
import { detailSize, type Augmentation } from '../augment.ts';
import { DatasetError, ImageError } from '../errors.ts';
import type { Picture } from '../picture.ts';
import { fitPicture } from '../preprocess.ts';
import { PictureSource, type PictureEntry } from '../source.ts';
import { byCodeUnit, stratifiedSplit, type SplitFractions } from '../split.ts';
import { decodeImage, readImageFile } from './decode.ts';
import type { Part } from './layout.ts';
import { PictureCache } from './picture-cache.ts';
import { count, samePictures, type Remark } from './remarks.ts';
import { listed, scanFolder, type FoundFile, type Scan } from './scan.ts';

/** A file that was left out, and why. */
export interface SkippedFile {
  /** Path from the folder, with `/` on every platform. */
  readonly file: string;
  readonly reason: string;
}

export interface ImageFolderOptions {
  /**
   * Share of each class that is held out, refused for a part that has a folder of its own. Default `{ validation: 0.2 }`
   * where there is no folder for validation.
   */
  readonly split?: SplitFractions;
  /** The split and the augmented views depend on this alone. Default 0. */
  readonly seed?: number;
  /** Default: `imageNetPreprocess()`, 224 pixels. */
  readonly preprocess?: Preprocess;
  /** For the training part only. */
  readonly augment?: Augmentation;
  /** Throws at the first picture that cannot be used, instead of leaving it out. */
  readonly strict?: boolean;
  /**
   * The classes of a model that is there already, in its order: labels are numbered so. A folder with another name is
   * refused before any picture is read; a class without a folder has no pictures. Default: the folders, sorted.
   */
  readonly classes?: readonly string[];
  /** Default 2: one class cannot be trained on. 1 to measure a model on pictures of one kind. */
  readonly minClasses?: 1 | 2;
  /** Pictures decoded at the same time. Default: one for each processor. */
  readonly concurrency?: number;
  /** Pictures with more pixels count as damaged. Default 100 million. */
  readonly maxPixels?: number;
  /** Decoded pictures kept in memory, in bytes; the others lie on disk. Default 512 MB. */
  readonly memoryLimit?: number;
  /** Where decoded pictures are kept for the next run. Default: nowhere; what memory cannot hold is temporary. */
  readonly cacheDir?: string;
  readonly onProgress?: (done: number, total: number) => void;
  readonly onSkip?: (skipped: SkippedFile) => void;
}

/** What `fit` takes, and what there is to say about it. */
export interface ImageFolder {
  /** `options.classes`, or the names of the class folders in Unicode's NFC, sorted by code unit. */
  readonly classes: readonly string[];
  readonly train: PictureSource;
  readonly validation?: PictureSource;
  readonly test?: PictureSource;
  /** Pictures left out because they could not be read or decoded. */
  readonly skipped: readonly SkippedFile[];
  /** How the folder was understood, what was passed over, and which pictures are there more than once. */
  readonly remarks: readonly Remark[];
  /** The folder of each part that has one; empty where the classes lie in the root. */
  readonly parts: ReadonlyMap<Part, string>;
  readonly preprocess: Preprocess;
  /** Frees the decoded pictures and their temporary files. The sources decode again if they are used after it. */
  dispose(): Promise<void>;
}

/** The same pictures, with the numbers that a model's classes have. @throws DatasetError for a class that it does not have */
function numberAs(classes: readonly string[], scan: Scan, path: string): Scan {
  // One name can be composed and decomposed: é, and e with an accent.
  const numbers = new Map(classes.map((name, i) => [name.normalize(), i]));
  const strange = scan.classes.filter((name) => !numbers.has(name.normalize()));
  if (strange.length > 0) {
    const meant = strange.length === 1 ? suggestion(strange[0]!, classes) : undefined;
    throw new DatasetError(
      `${path}: the model does not know the ${strange.length === 1 ? 'class' : 'classes'} ${listed(strange.map((name) => `'${name}'`))}` +
        `${meant === undefined ? '' : ` (is it '${meant}'?)`}; it knows ${listed(classes)}. Rename the folders, or move them out`,
    );
  }
  const number = scan.classes.map((name) => numbers.get(name.normalize())!);
  return {
    ...scan,
    classes: [...classes],
    files: scan.files.map((f) => ({ ...f, label: number[f.label]! })),
  };
}

/** A picture that was decoded once. */
interface Decoded extends FoundFile {
  /** SHA-256 of the file. */
  readonly hash: string;
}

const MEMORY_LIMIT = 512 * 2 ** 20;
/** Changes with the way pictures are decoded, so that old caches are not used. */
const DECODER = `1-vips-${sharp.versions.vips}`;

/**
 * Reads a folder of pictures as labelled data, from `path/class/*` (then parted by `split`) or from
 * `path/{train,validation,test}/class/*`. Every picture is decoded once, here, so that a damaged one is known before
 * training starts; its reduced pixels are kept. The same pictures and seed give the same split and the same views,
 * on every machine.
 *
 * @throws DatasetError if the folder does not hold at least two classes with enough pictures; the message says what to do.
 *   ImageError with `strict`, for a picture that cannot be used
 */
export async function imageFolder(path: string, options: ImageFolderOptions = {}): Promise<ImageFolder> {
  const { seed = 0, preprocess = imageNetPreprocess(), augment } = options;
  const found = await scanFolder(path, options.minClasses, options.classes);
  const scan = options.classes ? numberAs(options.classes, found, path) : found;
  const split = sharesOf(path, scan, options.split);
  const loader = new Loader(preprocess, options);
  const skipped: SkippedFile[] = [];
  const decoded = await decodeAll(scan.files, loader, options, skipped);
  const parts = partition(path, scan, decoded, split, seed);

  const source = (part: Part): PictureSource | undefined => {
    const files = parts[part];
    if (files.length === 0) return undefined;
    const entries = files.map((file): PictureEntry => {
      const { hash: key, label, name } = file;
      return { key, label, name, read: (forAugmentation) => loader.read(file, forAugmentation) };
    });
    const changes = part === 'train' && augment ? { augment } : {};
    return new PictureSource(entries, { classes: scan.classes, preprocess, seed, ...changes });
  };
  const validation = source('validation');
  const test = source('test');
  return {
    classes: scan.classes,
    train: source('train')!,
    ...(validation && { validation }),
    ...(test && { test }),
    skipped,
    remarks: [...scan.remarks, ...samePictures(Object.values(parts).flat(), scan.classes)],
    parts: scan.parts,
    preprocess,
    dispose: () => loader.cache.clear(),
  };
}

/** Decodes files to the sizes that training needs, at most once as long as the cache lives. */
class Loader {
  readonly cache: PictureCache;
  readonly #preprocess: Preprocess;
  readonly #maxPixels: { maxPixels?: number };
  /** Side of the pictures that augmentation starts from. */
  readonly #detail: number;

  constructor(preprocess: Preprocess, options: ImageFolderOptions) {
    this.cache = new PictureCache(options.memoryLimit ?? MEMORY_LIMIT, options.cacheDir);
    this.#preprocess = preprocess;
    this.#maxPixels = options.maxPixels === undefined ? {} : { maxPixels: options.maxPixels };
    this.#detail = detailSize(preprocess.size, options.augment);
  }

  #key(hash: string, size: number): string {
    return createHash('sha256').update([DECODER, hash, this.#preprocess.fit, size].join('/')).digest('hex');
  }

  /** Reads and decodes a file unless the cache has its pixels; returns the SHA-256 of its contents. */
  async load({ path, name }: FoundFile): Promise<string> {
    const bytes = await readImageFile(path, name);
    const hash = createHash('sha256').update(bytes).digest('hex');
    const { size, fit } = this.#preprocess;
    const missing: number[] = [];
    for (const side of new Set([size, this.#detail])) {
      if (!(await this.cache.get(this.#key(hash, side)))) missing.push(side);
    }
    if (missing.length === 0) return hash;
    const picture = await decodeImage(bytes, { name, size, ...this.#maxPixels });
    for (const side of missing) {
      await this.cache.put(this.#key(hash, side), fitPicture(picture, { size: side, fit }));
    }
    return hash;
  }

  async read(file: Decoded, forAugmentation: boolean): Promise<Picture> {
    const key = this.#key(file.hash, forAugmentation ? this.#detail : this.#preprocess.size);
    const known = await this.cache.get(key);
    if (known) return known;
    if ((await this.load(file)) !== file.hash) {
      throw new ImageError(file.name, 'has changed since the folder was read; start again');
    }
    return (await this.cache.get(key))!;
  }
}

async function decodeAll(
  files: readonly FoundFile[],
  loader: Loader,
  options: ImageFolderOptions,
  skipped: SkippedFile[],
): Promise<Decoded[]> {
  const { strict = false, concurrency = availableParallelism(), onProgress, onSkip } = options;
  const decoded: (Decoded | undefined)[] = [];
  let next = 0;
  let done = 0;
  const lane = async (): Promise<void> => {
    for (let i = next++; i < files.length; i = next++) {
      const file = files[i]!;
      try {
        decoded[i] = { ...file, hash: await loader.load(file) };
      } catch (error) {
        if (!(error instanceof ImageError) || strict) {
          next = files.length;
          throw error;
        }
        const skip = { file: file.name, reason: error.reason };
        skipped.push(skip);
        onSkip?.(skip);
      }
      onProgress?.(++done, files.length);
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, Math.min(concurrency, files.length)) }, lane));
  const order = new Map(files.map((file, i) => [file.name, i]));
  skipped.sort((a, b) => order.get(a.file)! - order.get(b.file)!);
  return decoded.filter((file) => file !== undefined);
}

/** What is held out of the training folder. @throws DatasetError for a share of a part that has a folder of its own */
function sharesOf(path: string, { parts }: Scan, split: SplitFractions | undefined): SplitFractions {
  if (split === undefined) return parts.has('validation') ? {} : { validation: 0.2 };
  for (const part of ['validation', 'test'] as const) {
    const folder = parts.get(part);
    if (folder === undefined || split[part] === undefined) continue;
    throw new DatasetError(
      `${path}: has a folder '${folder}' of its own, which is measured and never trained on, so no share of ` +
        `${split[part]} is held out for ${part}; leave that share out, or move the folder away`,
    );
  }
  return split;
}

/** Which picture belongs to which part; checks that every class can be trained on and, where wanted, held out. */
function partition(
  path: string,
  { classes, parts: own, files: found }: Scan,
  files: readonly Decoded[],
  fractions: SplitFractions,
  seed: number,
): Record<Part, Decoded[]> {
  const of = (part: Part): Decoded[] => files.filter((file) => file.part === part);
  const training = of('train');
  const wanted = Object.keys(fractions).filter((part) => fractions[part as keyof SplitFractions]);
  const withFolder = new Set(found.filter((file) => file.part === 'train').map((file) => file.label));
  classes.forEach((name, label) => {
    if (!withFolder.has(label)) return;
    const n = training.filter((file) => file.label === label).length;
    if (n === 0) {
      throw new DatasetError(
        `${path}: no picture of class '${name}' can be used, as all are damaged; replace them or remove the class`,
      );
    }
    if (n <= wanted.length) {
      throw new DatasetError(
        `${path}: class '${name}' has only ${count(n, 'usable picture')}; it needs at least ${wanted.length + 1}, so that ` +
          `${wanted.length} can be held out. Add pictures, make a folder for each part, or set the ${wanted.join(' and ')} share to 0`,
      );
    }
  });
  const copies = copiesOf(training, wanted.length);
  const parts = stratifiedSplit(
    copies.map(([file]) => classes[file.label]!),
    fractions,
    seed,
    copies.map(([file]) => file.name),
  );
  const pick = (part: Part): Decoded[] =>
    parts[part].flatMap((i) => copies[i]!.map((file) => ({ ...file, part })));
  const sorted = (part: Part): Decoded[] => pick(part).sort((a, b) => byCodeUnit(a.name, b.name));
  return {
    train: sorted('train'),
    validation: own.has('validation') ? of('validation') : sorted('validation'),
    test: own.has('test') ? of('test') : sorted('test'),
  };
}

/**
 * The pictures with their copies, which stay on one side of a split: else what is measured would have been trained on.
 * A class with fewer different pictures than are needed is split as if they were different.
 */
function copiesOf(files: readonly Decoded[], heldOut: number): [Decoded, ...Decoded[]][] {
  const groups = new Map<string, [Decoded, ...Decoded[]]>();
  const different = new Map<number, number>();
  for (const file of files) {
    const key = `${file.label}/${file.hash}`;
    const group = groups.get(key);
    if (group) group.push(file);
    else {
      groups.set(key, [file]);
      different.set(file.label, (different.get(file.label) ?? 0) + 1);
    }
  }
  return [...groups.values()].flatMap((group) =>
    different.get(group[0].label)! > heldOut ? [group] : group.map((file): [Decoded] => [file]),
  );
}
