import { compileWithFallback, type MaybeCompiled } from '../compile/fallback.ts';
import type { DataSource } from '../data.ts';
import { LruCache } from '../lru-cache.ts';
import { stagesOf, type Module, type Stage } from '../nn/module.ts';
import { forwardStages } from '../nn/stages.ts';
import { noGrad } from '../op.ts';
import { scope, type Tensor } from '../tensor.ts';
import { sizeOf, type Shape } from '../types.ts';
import { Fingerprint, fingerprintOf } from './fingerprint.ts';
import { partsOf, samplesAtOnce, sizeUp, type SampleSize } from './room.ts';

/** Where blocks of features go that do not fit in memory: a folder, IndexedDB, … Keys are file-name safe. */
export interface FeatureStore {
  read(key: string): Promise<Float32Array | null>;
  write(key: string, values: Float32Array): Promise<void>;
}

export interface FeatureCacheOptions {
  /** Bytes kept in memory. Default 512 MiB. */
  readonly memoryLimit?: number;
  /** Takes what memory cannot hold, and gives it back to later runs. */
  readonly store?: FeatureStore;
  /** Told once when the store fails (a full disk, say); features are then computed again when needed. */
  readonly onWarning?: (message: string) => void;
}

/** Samples a block holds: large enough for few files, small enough to fetch for a few rows. */
const BLOCK = 64;

/** Computes the rows of a block. */
type Compute = (indices: readonly number[]) => Promise<Float32Array>;

/**
 * Keeps the outputs of a locked prefix, one row per sample and view, in blocks of 64 rows: least recently used first out
 * of memory, then out of the store. A row has the same bits whether it was computed now or kept.
 */
export class FeatureCache {
  readonly #blocks: LruCache<Float32Array>;
  readonly #options: FeatureCacheOptions;
  #storeFailed = false;

  constructor(options: FeatureCacheOptions = {}) {
    this.#options = options;
    this.#blocks = new LruCache({ bytes: this.#limit, bytesOf: (block) => block.byteLength });
  }

  get #limit(): number {
    return this.#options.memoryLimit ?? 512 * 2 ** 20;
  }

  /** Is caching so many bytes worth it? Without a store, what does not fit in memory would only be computed twice. */
  accepts(bytes: number): boolean {
    return bytes <= this.#limit || (this.#options.store !== undefined && !this.#storeFailed);
  }

  /** Bytes in memory now. */
  get bytes(): number {
    return this.#blocks.bytes;
  }

  /** Rows by sample number. `key` names source, prefix and view; `count` is the number of samples of the source. */
  async rows(
    key: string,
    indices: readonly number[],
    count: number,
    rowSize: number,
    compute: Compute,
  ): Promise<Float32Array> {
    const out = new Float32Array(indices.length * rowSize);
    for (const [i, index] of indices.entries()) {
      const block = await this.#block(key, Math.floor(index / BLOCK), count, rowSize, compute);
      const at = (index % BLOCK) * rowSize;
      out.set(block.subarray(at, at + rowSize), i * rowSize);
    }
    return out;
  }

  async #block(
    key: string,
    number: number,
    count: number,
    rowSize: number,
    compute: Compute,
  ): Promise<Float32Array> {
    const name = `${key}-${number}`;
    const kept = this.#blocks.get(name);
    if (kept) return kept;
    const first = number * BLOCK;
    const members = Array.from({ length: Math.min(BLOCK, count - first) }, (_, i) => first + i);
    const stored = await this.#store((s) => s.read(name));
    const values = stored?.length === members.length * rowSize ? stored : await compute(members);
    if (values !== stored) await this.#store((s) => s.write(name, values));
    this.#blocks.set(name, values);
    return values;
  }

  async #store<T>(use: (store: FeatureStore) => Promise<T>): Promise<T | null> {
    const { store, onWarning } = this.#options;
    if (!store || this.#storeFailed) return null;
    try {
      return await use(store);
    } catch (e) {
      this.#storeFailed = true;
      onWarning?.(
        `the feature cache cannot be used (${e instanceof Error ? e.message : String(e)}); features are computed again where needed`,
      );
      return null;
    }
  }
}

/**
 * The chain cut in two: a locked prefix whose outputs never change during training, and the rest. The cut lies as
 * late as it can, after the pooling where everything before the classifier is locked: 1,280 numbers a picture there
 * instead of 62,720 before it.
 */
export class FrozenPrefix {
  private constructor(
    readonly stages: readonly Stage[],
    readonly rest: readonly Stage[],
    /** Of one sample on its way to the cut. */
    private readonly sample: SampleSize,
    readonly key: string,
    private readonly run: MaybeCompiled<(x: Tensor) => Tensor>,
  ) {}

  /** No cut: all of the model is `rest`. */
  static none(model: Module, sampleShape: Shape): FrozenPrefix {
    return new FrozenPrefix(
      [],
      stagesOf(model),
      { shape: sampleShape, bytes: 0 },
      '',
      Object.assign((x: Tensor) => x, { dispose() {} }),
    );
  }

  /** @param options.compile See `FitOptions`. */
  static async of(
    model: Module,
    sampleShape: Shape,
    options: { readonly compile?: boolean | undefined } = {},
  ): Promise<FrozenPrefix> {
    const all = stagesOf(model);
    let n = 0;
    while (n < all.length - 1 && all[n]!.module.frozen) n++;
    const stages = all.slice(0, n);
    if (!stages.some((s) => s.module.parameters().length)) return FrozenPrefix.none(model, sampleShape);
    const hash = new Fingerprint().text(sampleShape.join());
    for (const { name, module } of stages) {
      hash.text(name).text(module.constructor.name);
      for (const [key, t] of module.stateDict()) {
        hash.text(`${key}${t.shape.join()}${await fingerprintOf(t)}`);
      }
    }
    const { backend } = stages.flatMap((s) => s.module.parameters())[0]!.value;
    const run = await compileWithFallback((x: Tensor) => runStages(stages, x), backend, {
      compile: options.compile,
      captured: 'all',
    });
    const sample = await sizeUp((x) => runStages(stages, x), sampleShape, backend);
    const key = `${stages.at(-1)!.name}-${hash.hex}`;
    return new FrozenPrefix(stages, all.slice(n), sample, key, run);
  }

  /** Shape of one sample where the cut is. */
  get shape(): Shape {
    return this.sample.shape;
  }

  /** Has its cut to be looked for anew: there was none, or a stage before it is unlocked now? */
  get changed(): boolean {
    return this.stages.length === 0 || this.stages.some((s) => !s.module.frozen);
  }

  /** Frees what was compiled. */
  dispose(): void {
    this.run.dispose();
  }

  /** The name of the last locked stage, or null. */
  get name(): string | null {
    return this.stages.at(-1)?.name ?? null;
  }

  /**
   * Inputs of `rest` for some samples: through the cache where it accepts them, else computed now. Without locked stages
   * these are the samples themselves.
   */
  async inputs(...request: Parameters<FrozenPrefix['rows']>): Promise<Tensor> {
    const [, indices, , , put] = request;
    return put(await this.rows(...request), [indices.length, ...this.shape]);
  }

  /**
   * The same on the host, sample after sample.
   * @param batchSize Most samples that run through the prefix at once; fewer where they would take too much room.
   */
  async rows(
    source: DataSource,
    indices: readonly number[],
    view: number,
    cache: FeatureCache | null,
    put: (values: Float32Array, shape: Shape) => Tensor,
    batchSize: number,
  ): Promise<Float32Array> {
    if (!this.stages.length) return source.load(indices, view);
    const rowSize = sizeOf(this.shape);
    const compute: Compute = async (wanted) => {
      const rows = new Float32Array(wanted.length * rowSize);
      for (const [from, to] of partsOf(wanted.length, samplesAtOnce(batchSize, this.sample))) {
        const values = await source.load(wanted.slice(from, to), view);
        const features = scope(() => this.run(put(values, [to - from, ...source.sampleShape])));
        rows.set(await features.data().finally(() => features.dispose()), from * rowSize);
      }
      return rows;
    };
    if (!cache || !this.kept(source, cache)) return compute(indices);
    const key = `${new Fingerprint().text(source.key).hex}-${this.key}-${view}`;
    return cache.rows(key, indices, source.length, rowSize, compute);
  }

  /** Are there features of these samples that are computed once and kept? */
  kept(source: DataSource, cache: FeatureCache | null): boolean {
    return this.stages.length > 0 && (cache?.accepts(sizeOf(this.shape) * 4 * source.length) ?? false);
  }
}

/**
 * Runs stages one after the other, without a tape.
 * @param x `[n, ...]`, as the first of them takes it.
 * @throws ShapeError where it does not.
 */
export function runStages(stages: readonly Stage[], x: Tensor): Tensor {
  return noGrad(() => forwardStages(stages, x));
}
