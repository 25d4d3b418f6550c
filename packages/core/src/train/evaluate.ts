import { compileWithFallback } from '../compile/fallback.ts';
import { wantLabels, type DataSource } from '../data.ts';
import { getDefaultBackend } from '../default-backend.ts';
import { crossEntropy } from '../functional/cross-entropy.ts';
import { softmax } from '../functional/softmax.ts';
import { accuracy, balancedAccuracy, majorityClass } from '../metrics.ts';
import { evaluating, type Module, type Stage } from '../nn/module.ts';
import { noGrad } from '../op.ts';
import { tensor } from '../ops/index.ts';
import { scope, type Tensor } from '../tensor.ts';
import type { Shape } from '../types.ts';
import type { AbortSignalLike } from './abort.ts';
import { FrozenPrefix, runStages, type FeatureCache } from './feature-cache.ts';
import { partsOf, samplesAtOnce, sizeUp } from './room.ts';
import { wantClasses } from './step.ts';

export interface EvaluateOptions {
  /** Most samples that are run at once; fewer where their values would take more than 128 MiB. Default 64. */
  readonly batchSize?: number;
  /** Outputs of the locked prefix are taken from here, and left here. */
  readonly cache?: FeatureCache | null;
  /** The model's locked prefix, where the caller has it already. */
  readonly prefix?: FrozenPrefix;
  /** How a batch is scored, where the caller keeps a compiled `scorer` from one evaluation to the next. */
  readonly score?: Scorer;
  /** See `FitOptions`. */
  readonly compile?: boolean;
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignalLike;
}

/** Probabilities `[n, classes]` and cross-entropies `[n]` of the rest of a model on a batch. */
export type Scorer = (x: Tensor, labels: Tensor) => { readonly p: Tensor; readonly loss: Tensor };

/**
 * How a batch is scored by the rest of a model: `(x, labels)` → probabilities `[n, classes]` and cross-entropies `[n]`, unseen by
 * any tape.
 * @throws ShapeError, when called, where the model gives another number of classes.
 */
export function scorer(rest: readonly Stage[], classes: number): Scorer {
  return (x, labels) =>
    noGrad(() => {
      const logits = runStages(rest, x);
      wantClasses(logits.shape, classes);
      return { p: softmax(logits, 1), loss: crossEntropy(logits, labels, { reduction: 'none' }) };
    });
}

export interface Evaluation {
  /** Mean cross-entropy. */
  readonly loss: number;
  readonly accuracy: number;
  readonly balancedAccuracy: number;
  readonly labels: Int32Array;
  readonly predictions: Int32Array;
  /** `[count, classes]`, row-major. */
  readonly probabilities: Float32Array;
}

/** Milliseconds of work between two turns of the event loop: short for a person, long beside a timer's cost. */
const TURN = 20;
let lastTurn = 0;

/**
 * Lets timers and signal handlers run now and then: a synchronous backend would otherwise never give the event loop a
 * turn. Decides when, never what: results do not depend on it.
 */
export async function yieldToEventLoop(): Promise<void> {
  if (Date.now() - lastTurn < TURN) return;
  const timer = (globalThis as { setTimeout?: (f: () => void, ms: number) => unknown }).setTimeout;
  if (timer) await new Promise<void>((resolve) => timer(resolve, 0));
  lastTurn = Date.now();
}

/**
 * Runs a model over a source, in evaluation mode (and leaves it in the mode it had).
 * @param model Takes `[n, ...sampleShape]`, gives logits `[n, classes]`.
 * @throws GraftError for a label that is none of the classes, ShapeError where the model gives another number of classes.
 * @example
 * const source = new ArraySource(new Float32Array([-1, 2]), [0, 1], [1], ['left', 'right']);
 * const model = new Linear(1, 2, { init: zerosInit });
 * (await evaluate(model, source)).probabilities.length; // → 4
 */
export async function evaluate(
  model: Module,
  source: DataSource,
  options: EvaluateOptions = {},
): Promise<Evaluation> {
  const batchSize = options.batchSize ?? 64;
  wantLabels(source.labels, source.classes);
  const backend = model.parameters()[0]?.value.backend ?? getDefaultBackend();
  const put = (values: Float32Array, shape: Shape): Tensor => tensor(values, shape, { backend });
  return evaluating([model], async () => {
    const { compile } = options;
    const prefix =
      options.prefix ??
      (options.cache
        ? await FrozenPrefix.of(model, source.sampleShape, { compile })
        : FrozenPrefix.none(model, source.sampleShape));
    const compiled = options.score
      ? null
      : await compileWithFallback(scorer(prefix.rest, source.classes.length), backend, {
          compile,
          captured: 'all',
        });
    const score = options.score ?? compiled!;
    const n = source.length;
    const predictions = new Int32Array(n);
    let probabilities = new Float32Array(0);
    let loss = 0;
    try {
      // The caller's own step takes more room than this.
      const atOnce =
        options.prefix || n <= 1
          ? batchSize
          : samplesAtOnce(batchSize, await sizeUp((x) => runStages(prefix.rest, x), prefix.shape, backend));
      for (const [from, to] of partsOf(n, atOnce)) {
        if (options.signal?.aborted) break;
        const indices = Array.from({ length: to - from }, (_, i) => from + i);
        const x = await prefix.inputs(source, indices, 0, options.cache ?? null, put, batchSize);
        const labels = Int32Array.from(indices, (i) => source.labels[i]!);
        const out = ((): ReturnType<Scorer> => {
          try {
            return scope(() => score(x, tensor(labels, [labels.length], { backend })));
          } finally {
            x.dispose();
          }
        })();
        const values = Promise.all([out.p.data(), out.loss.data()]);
        const [p, losses] = (await values.finally(() => {
          out.p.dispose();
          out.loss.dispose();
        })) as [Float32Array, Float32Array];
        // One by one, so that the sum does not depend on the batches.
        for (const l of losses) loss += l;
        const classes = p.length / indices.length;
        if (!probabilities.length) probabilities = new Float32Array(n * classes);
        probabilities.set(p, from * classes);
        for (let i = 0; i < indices.length; i++) {
          let best = 0;
          for (let c = 1; c < classes; c++) if (p[i * classes + c]! > p[i * classes + best]!) best = c;
          predictions[from + i] = best;
        }
        options.onProgress?.(from + indices.length, n);
        await yieldToEventLoop();
      }
    } finally {
      compiled?.dispose();
      if (!options.prefix) prefix.dispose();
    }
    return {
      loss: loss / Math.max(n, 1),
      accuracy: accuracy(source.labels, predictions),
      balancedAccuracy: balancedAccuracy(source.labels, predictions, source.classes.length),
      labels: source.labels,
      predictions,
      probabilities,
    };
  });
}

/**
 * A sentence where an accuracy is below the largest class's share, and so below that of a model that has learnt nothing;
 * null where it is not, or where there is one class only.
 */
export function majorityWarning(
  { labels, classes }: Pick<DataSource, 'labels' | 'classes'>,
  measured: number,
): string | null {
  const { index, share } = majorityClass(labels, classes.length);
  if (!(measured < share) || share === 1) return null;
  const percent = (v: number): string => `${(100 * v).toFixed(1)} %`;
  return `an accuracy of ${percent(measured)} is less than the ${percent(share)} of always answering '${classes[index]}'`;
}
