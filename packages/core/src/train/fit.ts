import type { Backend } from '../backend.ts';
import { compileWithFallback, type MaybeCompiled } from '../compile/fallback.ts';
import { wantLabels, type DataSource } from '../data.ts';
import { CheckpointError, GraftError } from '../errors.ts';
import type { Module } from '../nn/module.ts';
import type { Parameter } from '../nn/parameter.ts';
import { withRandom } from '../nn/random-context.ts';
import { tensor } from '../ops/index.ts';
import { joined, snapshotOf, type Snapshot } from '../optim/snapshot.ts';
import { Random } from '../rng/index.ts';
import { scope, type Tensor } from '../tensor.ts';
import type { Shape } from '../types.ts';
import { Batches, range } from './batches.ts';
import { BestEpoch } from './best-epoch.ts';
import { assertSameRun, captureRun, Initial, readState, restoreRun, type Position } from './checkpoint.ts';
import { classWeightsOf } from './class-weights.ts';
import { yieldToEventLoop, evaluate, majorityWarning, scorer, type Scorer } from './evaluate.ts';
import { FeatureCache, FrozenPrefix } from './feature-cache.ts';
import type { EpochRecord, History } from './history.ts';
import { mixupPairs } from './mixup.ts';
import type { FitData, FitOptions, Progress } from './options.ts';
import { Statistics } from './statistics.ts';
import { readTotals, trainingStep } from './step.ts';

/**
 * Trains a classifier, in which every sample belongs to one class: pictures, sounds, series or rows of numbers, of any shape.
 * `model` takes a batch `[n, ...sampleShape]` and gives logits `[n, classes]`. For other tasks (several labels, numbers to
 * predict, a class for each pixel) write the loop: `valueAndGrad`, an optimizer's `step`, and `scope` or `compile`.
 *
 * Nothing but the seed, the data and the settings decides the result: not the backend (within its bounds; bit for bit on those
 * that are exact), not the cache, not an interruption that was resumed.
 *
 * Each epoch: open what `unfreeze` says; shuffle; for each batch take the locked prefix's outputs from the cache, run the
 * rest under the tape, clip, step; evaluate; keep the best; save.
 * @returns A record of every epoch. The model has the weights of the best one where `keepBest` says so, and is in evaluation
 * mode.
 * @throws GraftError where there is nothing to train or no sample, a label is none of the classes, a setting cannot be, or the
 * loss is no longer a number; CheckpointError where a run cannot go on from its checkpoint.
 * @example
 * const train = new ArraySource(new Float32Array([-2, -1, 1, 2]), [0, 0, 1, 1], [1], ['left', 'right']);
 * const model = new Sequential({ classifier: new Linear(1, 2) });
 * const history = await fit(model, { train }, { epochs: 30, optimizer: adam({ lr: 0.1 }) });
 * history.epochs.at(-1)!.accuracy; // → 1
 */
export async function fit(model: Module, data: FitData, options: FitOptions): Promise<History> {
  const run = new Run(model, data, options);
  try {
    return await run.all();
  } finally {
    run.close();
  }
}

class Run {
  readonly #backend: Backend;
  readonly #cache: FeatureCache | null;
  readonly #batches: Batches;
  readonly #weights: Tensor | null;
  #prefix: FrozenPrefix;
  /** The training step and the evaluation, compiled where that gains; made anew when what is trained changes. */
  #compiled: {
    readonly key: string;
    readonly train: MaybeCompiled<(...batch: Tensor[]) => Tensor>;
    readonly score: MaybeCompiled<Scorer>;
  } | null = null;
  /** Number of the step at hand, over all epochs. */
  #stepNumber = 0;
  /** How things were before it. */
  #before: Snapshot | null = null;
  readonly #best: BestEpoch;
  readonly #initial: Initial;
  readonly #statistics = new Statistics();
  #at: Position = { epoch: 0, step: 0, lossSum: 0, correct: 0, seen: 0, records: [], best: null, worse: 0 };

  constructor(
    readonly model: Module,
    readonly data: FitData,
    readonly options: FitOptions,
  ) {
    const first = model.parameters()[0];
    if (!first) throw new GraftError('this model has no parameters to train');
    if (data.train.length === 0) throw new GraftError('there are no training samples');
    for (const part of [data.train, data.validation]) if (part) wantLabels(part.labels, part.classes);
    this.#backend = first.value.backend;
    this.#cache = options.cache === undefined ? new FeatureCache() : options.cache;
    this.#batches = new Batches(data.train.length, options);
    if (!(options.epochs >= 1)) throw new GraftError(`epochs must be 1 or more, not ${options.epochs}`);
    this.#best = new BestEpoch(options, data.validation !== undefined);
    this.#weights = classWeightsOf(data.train, options.classWeights, this.#backend);
    this.#prefix = FrozenPrefix.none(model, data.train.sampleShape);
    this.#initial = new Initial(model);
  }

  close(): void {
    this.#forgetCompiled();
    this.#prefix.dispose();
    this.#weights?.dispose();
    this.#best.dispose();
  }

  async all(): Promise<History> {
    const { options, model } = this;
    if (options.resume) await this.#restore();
    let stopped: History['stopped'] = 'finished';
    for (; this.#at.epoch < options.epochs; this.#at.epoch++) {
      // Looked at before an epoch, so that a run resumed after its last one does not go on either.
      if (this.#at.worse > (options.earlyStopping?.patience ?? Infinity)) {
        stopped = 'early';
        break;
      }
      await this.#unfreeze();
      model.train();
      if (!(await this.#epoch())) {
        await this.#save();
        stopped = 'aborted';
        break;
      }
      const record = (await this.#settle()) ? await this.#finishEpoch() : await this.#stopBetween();
      if (!record) {
        stopped = 'aborted';
        break;
      }
      await options.onEpoch?.(record, model);
    }
    model.eval();
    const keep = (options.keepBest ?? this.data.validation !== undefined) && stopped !== 'aborted';
    if (keep && this.#at.best) model.loadStateDict(this.#best.weights, { strict: false });
    const bestEpoch = keep ? (this.#at.best?.epoch ?? null) : null;
    return { epochs: this.#at.records, bestEpoch, stopped, warnings: this.#warnings(bestEpoch) };
  }

  /** Mixed samples have no accuracy to speak of. */
  #warnings(bestEpoch: number | null): string[] {
    const { data, options } = this;
    const record = this.#at.records[bestEpoch ?? this.#at.records.length - 1];
    const measured = record?.validationAccuracy ?? (options.mixup ? undefined : record?.accuracy);
    if (measured === undefined) return [];
    const warning = majorityWarning(data.validation ?? data.train, measured);
    return warning ? [`${data.validation ? 'validation' : 'training'}: ${warning}`] : [];
  }

  /** Locks and unlocks as they are at the start of the epoch at hand, and finds the locked prefix. */
  async #unfreeze(): Promise<void> {
    for (const u of this.options.unfreeze ?? []) if (u.epoch <= this.#at.epoch) this.model.unlock(u.unlock);
    if (!this.#trainable().length)
      throw new GraftError(
        'every layer is locked: unlock() some, or give the model a new head with transfer()',
      );
    if (this.#at.epoch === 0 || this.#prefix.changed) {
      const { compile } = this.options;
      this.#prefix.dispose();
      this.#prefix = await FrozenPrefix.of(this.model, this.data.train.sampleShape, { compile });
    }
    const key = [...this.#trainable(), ...this.#prefix.rest].map(({ name }) => name).join('\n');
    if (key === this.#compiled?.key) return;
    this.#forgetCompiled();
    const { compile } = this.options;
    this.#compiled = {
      key,
      train: await compileWithFallback(this.#stepFunction(), this.#backend, {
        compile,
        undo: () => this.#before?.restore(),
      }),
      score: await compileWithFallback(
        scorer(this.#prefix.rest, this.data.train.classes.length),
        this.#backend,
        { compile },
      ),
    };
  }
  #stepFunction(): (...batch: Tensor[]) => Tensor {
    const { options } = this;
    return trainingStep({
      rest: this.#prefix.rest,
      trainable: this.#trainable(),
      classes: this.data.train.classes.length,
      weights: this.#weights,
      options,
      factor: () => options.schedule?.(this.#stepNumber, options.epochs * this.#batches.steps) ?? 1,
    });
  }
  #forgetCompiled(): void {
    this.#compiled?.train.dispose();
    this.#compiled?.score.dispose();
    this.#compiled = null;
  }

  #trainable(): { name: string; parameter: Parameter }[] {
    return [...this.model.namedParameters()]
      .filter(([, p]) => !p.locked)
      .map(([name, parameter]) => ({ name, parameter }));
  }

  /** New views every epoch are not worth keeping. */
  get #epochCache(): FeatureCache | null {
    return this.options.views === 'fresh' ? null : this.#cache;
  }

  /** The batches of the epoch at hand, from `#at.step` on. False when aborted. */
  async #epoch(): Promise<boolean> {
    const { options } = this;
    const at = this.#at;
    const { train } = this.data;
    const { seed, size, steps } = this.#batches;
    const order = this.#batches.order(at.epoch);
    const view = this.#batches.view(at.epoch);
    const cache = this.#epochCache;
    await this.#warm(train, view, cache);
    while (at.step < steps) {
      if (options.signal?.aborted) return false;
      const indices = this.#batches.positions(at.step).map((i) => order[i]!);
      const step = at.epoch * steps + at.step;
      const random = new Random(seed, `step/${step}`);
      const x = await this.#prefix.inputs(train, indices, view, cache, this.#put, size);
      const [lossValue, correct] = await this.#attempt(() => this.#step(x, indices, step, random), step);
      at.correct += correct;
      at.lossSum += lossValue * indices.length;
      at.seen += indices.length;
      at.step++;
      options.onStep?.(step, lossValue);
      const means = { loss: at.lossSum / at.seen, accuracy: at.correct / at.seen };
      this.#tell('train', at.seen, train.length, means);
      const every = options.checkpointSteps;
      const isDue = every && (step + 1) % every === 0 && at.step < steps;
      if (isDue && !options.signal?.aborted) await this.#save();
      await yieldToEventLoop();
    }
    return true;
  }

  readonly #put = (values: Float32Array, shape: Shape): Tensor =>
    tensor(values, shape, { backend: this.#backend });

  /** Fills the cache in the samples' order before they are wanted in a shuffled one. */
  async #warm(source: DataSource, view: number, cache: FeatureCache | null): Promise<void> {
    if (!this.#prefix.kept(source, cache)) return;
    const { size } = this.#batches;
    for (let from = 0; from < source.length; from += size) {
      if (this.options.signal?.aborted) return;
      const indices = range(from, Math.min(from + size, source.length));
      (await this.#prefix.inputs(source, indices, view, cache, this.#put, size)).dispose();
      this.#tell('features', from + indices.length, source.length);
      await yieldToEventLoop();
    }
  }

  /** One that fails leaves weights, statistics and moments as they were. */
  async #attempt(run: () => Tensor, step: number): Promise<readonly [loss: number, correct: number]> {
    const parameters = this.#trainable().map((t) => t.parameter);
    const buffers = [...this.model.namedBuffers()].map(([, b]) => b);
    this.#before = joined([snapshotOf([...parameters, ...buffers]), this.options.optimizer.snapshot()]);
    try {
      return await readTotals(run(), step);
    } catch (e) {
      this.#before.restore();
      throw e;
    } finally {
      this.#before.release();
      this.#before = null;
    }
  }

  /** Gives the loss and the number of right answers, in one tensor; takes `x` over. */
  #step(x: Tensor, indices: readonly number[], step: number, random: Random): Tensor {
    const { mixup } = this.options;
    const backend = this.#backend;
    this.#stepNumber = step;
    const run = (): Tensor => {
      const labels = Int32Array.from(indices, (i) => this.data.train.labels[i]!);
      const inputs = [x, tensor(labels, [labels.length], { backend })];
      if (mixup) {
        const { partner, weight } = mixupPairs(indices.length, mixup, random.fork('mixup'));
        inputs.push(
          tensor(partner, [partner.length], { backend }),
          tensor(weight, [weight.length], { backend }),
        );
      }
      return withRandom(random.fork('forward'), () => this.#compiled!.train(...inputs));
    };
    try {
      return scope(run);
    } finally {
      x.dispose();
    }
  }

  /** Stops after the steps of an epoch and before its end: a resumed run settles and evaluates again. */
  async #stopBetween(): Promise<null> {
    await this.#save();
    return null;
  }

  /** The statistics that batch norms are evaluated with. False when aborted meanwhile. */
  #settle(): Promise<boolean> {
    const { options, data } = this;
    const { epoch } = this.#at;
    return this.#statistics.settle({
      prefix: this.#prefix,
      source: data.train,
      cache: this.#epochCache,
      views: this.#batches.viewsUpTo(epoch),
      steps: (epoch + 1) * this.#batches.steps,
      batches: range(0, this.#batches.steps).map((step) => this.#batches.positions(step)),
      put: this.#put,
      batchSize: this.#batches.size,
      stop: () => options.signal?.aborted ?? false,
    });
  }

  /** Evaluates, keeps the best, writes the record and the checkpoint. Null when aborted meanwhile. */
  async #finishEpoch(): Promise<EpochRecord | null> {
    const { options, data, model } = this;
    const at = this.#at;
    const result = data.validation
      ? await evaluate(model, data.validation, {
          batchSize: this.#batches.size,
          cache: this.#cache,
          prefix: this.#prefix,
          score: this.#compiled!.score,
          ...(options.signal ? { signal: options.signal } : {}),
          onProgress: (done, total) => this.#tell('validation', done, total),
        })
      : null;
    if (options.signal?.aborted && data.validation) return this.#stopBetween();
    const lastStep = at.epoch * this.#batches.steps + this.#batches.steps - 1;
    const record: EpochRecord = {
      epoch: at.epoch,
      loss: at.lossSum / at.seen,
      accuracy: at.correct / at.seen,
      ...(result
        ? {
            validationLoss: result.loss,
            validationAccuracy: result.accuracy,
            validationBalancedAccuracy: result.balancedAccuracy,
          }
        : {}),
      learningRate:
        options.optimizer.lr * (options.schedule?.(lastStep, options.epochs * this.#batches.steps) ?? 1),
    };
    at.records.push(record);
    this.#best.consider(record, model, at);
    Object.assign(at, { lossSum: 0, correct: 0, seen: 0, step: 0 });
    at.epoch++;
    await this.#save();
    at.epoch--;
    return record;
  }

  #tell(
    phase: Progress['phase'],
    done: number,
    total: number,
    means?: Pick<Progress, 'loss' | 'accuracy'>,
  ): void {
    const [{ epoch }, { epochs }] = [this.#at, this.options];
    this.options.onProgress?.({ phase, epoch, epochs, done, total, ...means });
  }

  #settings(): Record<string, unknown> {
    const { options, data } = this;
    return {
      epochs: options.epochs,
      batchSize: this.#batches.size,
      seed: this.#batches.seed,
      views: options.views ?? 0,
      mixup: options.mixup ?? 0,
      clipNorm: options.clipNorm ?? null,
      labelSmoothing: options.labelSmoothing ?? 0,
      classWeights: options.classWeights ?? null,
      optimizer: options.optimizer.describe(),
      data: data.train.key,
      samples: data.train.length,
      validation: data.validation?.key ?? null,
    };
  }

  /** Where the store wants one, or the run is being stopped. */
  async #save(): Promise<void> {
    const { model } = this;
    const { checkpoint, optimizer, signal } = this.options;
    if (!checkpoint || !(signal?.aborted || (checkpoint.due?.() ?? true))) return;
    const [settings, at] = [this.#settings(), this.#at];
    await checkpoint.save(
      await captureRun({ model, optimizer, best: this.#best.weights, initial: this.#initial, settings, at }),
    );
  }

  async #restore(): Promise<void> {
    const { checkpoint, optimizer, epochs } = this.options;
    const saved = (await checkpoint?.load()) ?? null;
    if (!saved) return;
    const state = readState(saved.meta);
    const { at } = state;
    assertSameRun(state.settings, this.#settings());
    if (at.epoch > epochs || at.step > this.#batches.steps || (at.best?.epoch ?? 0) > at.epoch)
      throw new CheckpointError('it is damaged: its position lies behind the end of the run');
    this.#best.restore(await restoreRun(saved, state, this.model, optimizer));
    this.#at = at;
  }
}
