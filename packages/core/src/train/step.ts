import { valueAndGrad } from '../autograd.ts';
import { GraftError, ShapeError } from '../errors.ts';
import { crossEntropy } from '../functional/cross-entropy.ts';
import type { Stage } from '../nn/module.ts';
import type { Parameter } from '../nn/parameter.ts';
import { forwardStages } from '../nn/stages.ts';
import { argmax, cast, concat, equal, oneHot, reshape, sum } from '../ops/index.ts';
import { clipGradNorm } from '../optim/clip.ts';
import type { Tensor } from '../tensor.ts';
import { showShape, type Shape } from '../types.ts';
import { mixRows } from './mixup.ts';
import type { FitOptions } from './options.ts';

export interface TrainingStep {
  /** What is run: the model after its locked prefix. */
  readonly rest: readonly Stage[];
  readonly trainable: readonly { readonly name: string; readonly parameter: Parameter }[];
  /** How many there are. */
  readonly classes: number;
  /** Of the classes in the loss, `[classes]`. */
  readonly weights: Tensor | null;
  readonly options: Pick<FitOptions, 'loss' | 'labelSmoothing' | 'clipNorm' | 'optimizer'>;
  /** On the learning rate, asked at every step. */
  readonly factor: () => number;
}

/**
 * Forward, backward, clip, update, as a function of a batch, written once for eager and compiled runs.
 * @returns a function of samples, int32 labels and, with mixup, int32 partners and shares, all `[n, ...]`. It gives `[2]`:
 * the loss and the number of right answers.
 */
export function trainingStep(step: TrainingStep): (...batch: Tensor[]) => Tensor {
  const { rest, trainable, classes, weights, options, factor } = step;
  const lossOf = (logits: Tensor, target: Tensor): Tensor =>
    options.loss?.(logits, target) ??
    crossEntropy(logits, target, {
      labelSmoothing: options.labelSmoothing ?? 0,
      // A rare class must not take the large one's smoothing: see `crossEntropy`.
      ...(weights ? { weight: weights, weighting: 'sample' as const } : {}),
    });
  return (x, labels, partner, share) => {
    const mixed = (t: Tensor): Tensor => (partner && share ? mixRows(t, partner, share) : t);
    const input = mixed(x!);
    const target = partner ? mixed(oneHot(labels!, classes)) : labels!;
    const { value, grads } = valueAndGrad(
      () => {
        const logits = forwardStages(rest, input);
        wantClasses(logits.shape, classes);
        return { loss: lossOf(logits, target), logits };
      },
      trainable.map((t) => t.parameter),
    );
    const clipped = options.clipNorm === undefined ? grads : clipGradNorm(grads, options.clipNorm).grads;
    options.optimizer.step(
      trainable.map((t, i) => ({ ...t, grad: clipped[i]! })),
      factor,
    );
    const correct = sum(cast(equal(argmax(value.logits, 1), labels!), 'float32'));
    return concat([value.loss, correct].map((t) => reshape(t, [1])));
  };
}

/** @throws ShapeError where a model does not give one number per class. */
export function wantClasses(shape: Shape, classes: number): void {
  if (shape.length === 2 && shape[1] === classes) return;
  throw new ShapeError(
    `the model gives ${shape.length === 2 ? `${shape[1]} numbers` : showShape(shape.slice(1))} per sample, but the data have ${classes} classes: give it a last layer with ${classes} outputs, for instance with transfer()`,
  );
}

/** Waits for what a step gave, and frees it. @throws GraftError where the loss is not finite. */
export async function readTotals(
  totals: Tensor,
  step: number,
): Promise<readonly [loss: number, correct: number]> {
  const [loss, correct] = await totals.data().finally(() => totals.dispose());
  if (!Number.isFinite(loss)) {
    throw new GraftError(
      `the loss became ${loss} at step ${step + 1}: lower the learning rate, or set clipNorm`,
    );
  }
  return [loss!, correct!];
}
