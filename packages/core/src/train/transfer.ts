import { GraftError } from '../errors.ts';
import { ReLU, Softmax } from '../nn/activation.ts';
import { Conv2d } from '../nn/conv.ts';
import { zerosInit } from '../nn/init.ts';
import { Dropout, Flatten, Linear } from '../nn/layers.ts';
import { evaluating, stageRange, stagesOf, type Module, type Stage } from '../nn/module.ts';
import { BatchNorm1d } from '../nn/norm.ts';
import { AdaptiveAvgPool2d, GlobalAvgPool2d, GlobalStatsPool2d } from '../nn/pool.ts';
import { withRandom } from '../nn/random-context.ts';
import { Sequential } from '../nn/sequential.ts';
import { zeros } from '../ops/index.ts';
import { channelAxis } from '../ops/spatial.ts';
import { inputShape, type Preprocess } from '../preprocess.ts';
import { Random } from '../rng/index.ts';
import { scope } from '../tensor.ts';
import type { Layout, Shape } from '../types.ts';
import { runStages } from './feature-cache.ts';

/** A network somebody has trained, with what is needed to use it. */
export interface BaseModel {
  /** A chain: see `stagesOf`. */
  readonly model: Module;
  readonly name: string;
  readonly preprocess: Preprocess;
  /** The stage whose output makes the best features for other tasks; default: the last one before a classifier. */
  readonly defaultCut?: string;
  /** Licence of the weights. */
  readonly licence?: string;
}

export interface TransferOptions {
  /** Class names, or how many. */
  readonly classes: number | readonly string[];
  /** The last stage of the base that is kept. Middle stages often carry over better than the last ones. */
  readonly cut?: string;
  /** Shape of one input sample; default: from the base's preprocessing. */
  readonly sampleShape?: Shape;
  /** Of the features. Default: what the base's last stage says of them, else the layout of its input. */
  readonly layout?: Layout;
  /** Dropout before the new last layer. Default 0.5. */
  readonly dropout?: number;
  /** Another head, given the shape of the features of one sample. */
  readonly head?: (featureShape: Shape, classes: number) => Sequential;
  /** What batch norm in the base uses once unlocked: the stored statistics (default; right for few pictures) or the batch's. */
  readonly batchNorm?: 'stored' | 'batch';
  /** Seed of the initial weights of a `head` of one's own; the default one begins at 0. Default 0. */
  readonly seed?: number;
}

/**
 * Shape of one sample's features after `stages`, without the batch axis.
 * @throws ShapeError where a sample of `sampleShape` does not fit the first of them.
 * @example
 * const stages = stagesOf(new Sequential({ conv: new Conv2d(3, 8, 3), pool: new GlobalAvgPool2d() }));
 * featureShape(stages.slice(0, 1), [3, 32, 32]); // → [8, 30, 30]
 */
export function featureShape(stages: readonly Stage[], sampleShape: Shape): number[] {
  const backend = stages.flatMap((s) => s.module.parameters())[0]?.value.backend;
  const modules = stages.map((s) => s.module);
  return scope(() => {
    const x = zeros([1, ...sampleShape], backend ? { backend } : {});
    return evaluating(modules, () => runStages(stages, x)).shape.slice(1);
  });
}

/**
 * Mean and standard deviation of each channel, standardised, dropout, and one linear layer: logistic regression on pooled
 * features, which is convex and begins at 0. From random weights it would have to unlearn noise first: after 120 steps on
 * 120 : 4 pictures of two colours one in eight of the large class was still taken for the rare one. Against the mean alone the deviations gave two points of accuracy (`docs/adr/0003`).
 */
function defaultHead(features: Shape, classes: number, layout: Layout, dropout: number): Sequential {
  const spatial = features.length === 3;
  const channels = features[channelAxis(spatial ? layout : 'channels-first', features.length + 1) - 1]!;
  const width = spatial ? 2 * channels : channels;
  return new Sequential({
    ...(spatial ? { pool: new GlobalStatsPool2d({ layout }) } : {}),
    norm: new BatchNorm1d(width, { affine: false }),
    dropout: new Dropout(dropout),
    classifier: new Linear(width, classes, { init: zerosInit, biasInit: zerosInit }),
  });
}

/**
 * Transfer learning: the base up to `cut`, locked, and a new head for your classes on it. The result is a chain of
 * the base's stages under their own names, then `head`; parameters belong to the groups 'base' and 'head'. It takes
 * `[n, ...sampleShape]` and gives logits `[n, classes]`. `model.unlock({ from: stage })` opens the deeper stages for
 * fine-tuning. The base's modules are used, not copied.
 * @throws NameError for an unknown cut, with the nearest stages; GraftError for fewer than two classes, or a bare module without
 * `sampleShape`.
 * @example
 * const base = new Sequential({ conv: new Conv2d(3, 8, 3), pool: new GlobalAvgPool2d(), classifier: new Linear(8, 1000) });
 * const model = transfer(base, { classes: ['cat', 'dog'], sampleShape: [3, 32, 32] });
 * model.forward(zeros([4, 3, 32, 32])).shape; // → [4, 2]
 * model.parameters().filter((p) => !p.locked).length; // → 2
 */
export function transfer(base: BaseModel | Module, options: TransferOptions): Sequential {
  const info = 'model' in base ? base : undefined;
  const chain = info ? info.model : (base as Module);
  const classes = typeof options.classes === 'number' ? options.classes : options.classes.length;
  if (!(classes >= 2)) throw new GraftError(`a classifier needs at least two classes, not ${classes}`);
  const sampleShape = options.sampleShape ?? (info ? inputShape(info.preprocess) : undefined);
  if (!sampleShape)
    throw new GraftError('transfer() of a bare module needs sampleShape, such as [3, 96, 96]');

  const cut = options.cut ?? info?.defaultCut;
  const stages = cut === undefined ? withoutClassifier(stagesOf(chain)) : stageRange(chain, { to: cut });
  const features = featureShape(stages, sampleShape);
  const known = stages.findLast((s) => s.module.outputLayout)?.module.outputLayout;
  const layout = options.layout ?? known ?? info?.preprocess.layout ?? 'channels-first';
  const head = withRandom(new Random(options.seed ?? 0, 'head'), () =>
    options.head
      ? options.head(features, classes)
      : defaultHead(features, classes, layout, options.dropout ?? 0.5),
  );

  const model = new Sequential(
    new Map([...stages.map((s): [string, Module] => [s.name, s.module]), ['head', head]]),
  );
  for (const s of stages) {
    s.module.lock();
    for (const p of s.module.parameters()) p.group = 'base';
    for (const [, m] of s.module.namedModules()) {
      if (m.statistics !== null) m.statistics = options.batchNorm ?? 'stored';
    }
  }
  for (const p of head.parameters()) p.group = 'head';
  return model;
}

const POOLINGS = [GlobalAvgPool2d, AdaptiveAvgPool2d];
const ENDINGS = [...POOLINGS, Linear, Dropout, Flatten, Softmax];

/**
 * The stages of a chain, less the pooling, dropout, flattening and linear layers at its end, less what says that it is a head, and
 * less an earlier one. Where no layer with weights is among these, the classifier may be a convolution with a kernel of one
 * element before the pooling, as SqueezeNet's: dropout before it tells it from the last convolution of a trunk.
 */
function withoutClassifier(stages: readonly Stage[]): Stage[] {
  let end = stages.length;
  const isHead = ({ name, module }: Stage): boolean =>
    module.isHead || /^head(\.|$)/.test(name) || ENDINGS.some((type) => module instanceof type);
  while (end > 1 && isHead(stages[end - 1]!)) end--;
  const off = stages.slice(end);
  const isPooled = off.some((s) => POOLINGS.some((type) => s.module instanceof type));
  if (!isPooled || off.some((s) => s.module.parameters().length > 0)) return stages.slice(0, end);
  const at = stages[end - 1]!.module instanceof ReLU ? end - 2 : end - 1;
  const last = stages[at]?.module;
  const isClassifier =
    last instanceof Conv2d && last.kernel.every((k) => k === 1) && stages[at - 1]?.module instanceof Dropout;
  return isClassifier ? withoutClassifier(stages.slice(0, at)) : stages.slice(0, end);
}
