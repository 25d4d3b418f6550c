import { compileWithFallback } from '../compile/fallback.ts';
import { ArraySource, type DataSource } from '../data.ts';
import { getDefaultBackend } from '../default-backend.ts';
import { ShapeError } from '../errors.ts';
import { evaluating, stageRange, type Module } from '../nn/module.ts';
import { tensor } from '../ops/index.ts';
import { scope, type Tensor } from '../tensor.ts';
import { showShape, sizeOf } from '../types.ts';
import { yieldToEventLoop } from './evaluate.ts';
import { runStages } from './feature-cache.ts';
import { partsOf, samplesAtOnce, sizeUp } from './room.ts';

export interface ExtractOptions {
  /** The last stage that is run. Default: all. */
  readonly to?: string;
  /** Reduces the features of a batch further, such as a global pool. */
  readonly then?: (features: Tensor) => Tensor;
  /** Most samples that are run at once; see `EvaluateOptions`. Default 32. */
  readonly batchSize?: number;
  /** Which view of the samples. Default 0, the plain one. */
  readonly view?: number;
  /** See `FitOptions`. */
  readonly compile?: boolean;
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * A network as feature extractor: its outputs for every sample, in evaluation mode, as a source of their own, for a
 * classifier on top, nearest neighbours, or a plot.
 * @throws NameError for an unknown stage, ShapeError where the model's results are not one for each sample, StateError where neither the model nor a default names the backend.
 * @example
 * const pictures = new ArraySource(new Float32Array(2 * 3 * 8 * 8), [0, 1], [3, 8, 8], ['cat', 'dog']);
 * const model = new Sequential({ conv: new Conv2d(3, 4, 3), pool: new GlobalAvgPool2d() });
 * (await extractFeatures(model, pictures)).sampleShape; // → [4]
 * (await extractFeatures(model, pictures, { to: 'conv' })).sampleShape; // → [4, 6, 6]
 */
export async function extractFeatures(
  model: Module,
  source: DataSource,
  options: ExtractOptions = {},
): Promise<ArraySource> {
  const stages = stageRange(model, options.to === undefined ? {} : { to: options.to });
  const backend = model.parameters()[0]?.value.backend ?? getDefaultBackend();
  const batchSize = options.batchSize ?? 32;
  let values = new Float32Array(0);
  let sampleShape: readonly number[] = [];
  const modules = stages.map((s) => s.module);
  const run = await compileWithFallback(
    (x: Tensor) => {
      const features = runStages(stages, x);
      return options.then ? options.then(features) : features;
    },
    backend,
    { compile: options.compile, captured: 'all' },
  );
  await evaluating(modules, async () => {
    const atOnce =
      source.length <= 1
        ? batchSize
        : samplesAtOnce(batchSize, await sizeUp((x) => runStages(stages, x), source.sampleShape, backend));
    for (const [from, to] of partsOf(source.length, atOnce)) {
      const indices = Array.from({ length: to - from }, (_, i) => from + i);
      const samples = await source.load(indices, options.view ?? 0);
      const y = scope(() => run(tensor(samples, [indices.length, ...source.sampleShape], { backend })));
      if (y.shape[0] !== indices.length) {
        const gives = showShape(y.shape);
        y.dispose();
        throw new ShapeError(
          `the model gives ${gives} for ${indices.length} samples: the first axis of its results must be theirs`,
        );
      }
      sampleShape = y.shape.slice(1);
      const rowSize = sizeOf(sampleShape);
      if (!values.length) values = new Float32Array(source.length * rowSize);
      values.set(await y.data().finally(() => y.dispose()), from * rowSize);
      options.onProgress?.(from + indices.length, source.length);
      await yieldToEventLoop();
    }
  }).finally(() => run.dispose());
  return new ArraySource(
    values,
    source.labels,
    sampleShape,
    source.classes,
    `${source.key}/${options.to ?? 'all'}`,
  );
}
