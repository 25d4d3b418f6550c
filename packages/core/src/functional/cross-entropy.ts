import { KernelError } from '../errors.ts';
import { composite, customVjp, defineFused, type FusedComposite } from '../op.ts';
import { fail, wantReduction } from '../ops/check.ts';
import {
  add,
  arange,
  cast,
  div,
  equal,
  exp,
  expandDims,
  gather,
  logicalAnd,
  mul,
  neg,
  notEqual,
  ones,
  reshape,
  select,
  sub,
  sum,
} from '../ops/index.ts';
import type { Tensor } from '../tensor.ts';
import { sameShape, showShape, sizeOf } from '../types.ts';
import type { LossOptions, Reduction } from './loss.ts';
import { logSoftmaxForward, logSoftmaxGrad } from './softmax.ts';

export interface CrossEntropyOptions extends LossOptions {
  /** Weight of each class, `[c]`. */
  readonly weight?: Tensor | null;
  /** Part of the target that is spread evenly over all classes, 0 to 1. (Szegedy et al., 2016, arXiv:1512.00567) Default 0. */
  readonly labelSmoothing?: number;
  /**
   * What class weights multiply where targets are smoothed: each class's term (`'class'`, PyTorch's way and the default), or
   * the whole loss of a position by the weight of its own class (`'sample'`). They are the same without smoothing.
   */
  readonly weighting?: 'class' | 'sample';
  /** Positions with this label count for nothing. Default −100. */
  readonly ignoreIndex?: number;
}

/**
 * Cross-entropy of softmax(logits), exactly as PyTorch defines it. With p = softmax(logits), label y and smoothing s, the
 * loss of a position is −(1 − s) · w[y] · log p[y] − (s / c) · Σ_k w[k] · log p[k]; `'mean'` divides the sum by Σ w[y] over
 * the positions that count (with no such position: NaN, with a gradient of 0).
 *
 * With targets that are probabilities t: −Σ_k w[k] · ((1 − s) · t[k] + s / c) · log p[k], and `'mean'` divides by the number
 * of positions, whatever the weights. Gradients flow to such targets, too.
 *
 * Weights inside the smoothing's sum pull towards the classes that weigh most: where w[k] / w[y] > 1 + (1 − s) · c / s
 * (19 with two classes and s = 0.1), the loss of a y is least at the answer k. `weighting: 'sample'` departs from PyTorch
 * there: the position's loss is w[y] times its smoothed cross-entropy, −w[y] · Σ_k ((1 − s) · [k = y] + s / c) · log p[k],
 * least at y whatever the weights. With probabilities t it is the mean of that over labels drawn from t:
 * −Σ_k ((1 − s) · w[k] · t[k] + (s / c) · Σ_j w[j] · t[j]) · log p[k]. `'mean'` divides as above.
 * @param logits `[n, c]` or `[n, c, ...spatial]`.
 * @param target int32 `[n]` or `[n, ...spatial]`, or float32 of the logits' shape.
 * @returns A scalar, or with `'none'` one loss per position.
 * @throws ShapeError on shapes; a label outside [0, c) other than `ignoreIndex` is a KernelError.
 * @example
 * const labels = tensor([0, 2], [2], { dtype: 'int32' });
 * crossEntropy(tensor([[5, 0, 0], [0, 0, 1]]), labels); // → 0.2824
 * crossEntropy(zeros([2, 3]), labels, { labelSmoothing: 0.1 }); // → 1.0986
 */
export function crossEntropy(logits: Tensor, target: Tensor, options: CrossEntropyOptions = {}): Tensor {
  return fromTargets('crossEntropy', logits, target, options, (t) => negativeLogLikelihood(logits, t));
}

/**
 * The same for log-probabilities, as `logSoftmax` gives them: −w[y] · logp[y].
 * @param logp `[n, c]` or `[n, c, ...spatial]`.
 * @param target int32 `[n]` or `[n, ...spatial]`.
 * @returns A scalar, or with `'none'` one loss per position.
 * @throws ShapeError on shapes; a label outside [0, c) other than `ignoreIndex` is a KernelError.
 * @example
 * const labels = tensor([1], [1], { dtype: 'int32' });
 * nll(logSoftmax(tensor([[0, 0]])), labels); // → 0.6931
 */
export function nll(
  logp: Tensor,
  target: Tensor,
  options: Omit<CrossEntropyOptions, 'labelSmoothing' | 'weighting'> = {},
): Tensor {
  return fromTargets('nll', logp, target, options, (t) => sub(0, sum(masked(t, logp), 1)));
}

/** t · logp, but 0 where t is 0 even if logp is −Infinity. */
function masked(t: Tensor, logp: Tensor): Tensor {
  return select(notEqual(t, 0), mul(t, logp), 0);
}

/** The losses and log softmax(x). */
export const softmaxCrossEntropy: FusedComposite<'softmaxCrossEntropy'> = defineFused({
  name: 'softmaxCrossEntropy',
  infer([x]) {
    const [n, classes, ...spatial] = x.shape as [number, number, ...number[]];
    if (classes === 0) fail('crossEntropy', `logits ${showShape(x.shape)} have no class`);
    return [{ dtype: 'float32', shape: [n, ...spatial] }, x];
  },
  decompose([x, t]) {
    const logp = logSoftmaxForward(x, 1);
    return [sub(0, sum(masked(t, logp), 1)), logp]; // 0 − 0 is +0, −(0) is not
  },
});

export const softmaxCrossEntropyGrad: FusedComposite<'softmaxCrossEntropyGrad'> = defineFused({
  name: 'softmaxCrossEntropyGrad',
  infer: ([logp]) => [logp],
  decompose: ([logp, t, g]) => [mul(sub(mul(exp(logp), sum(t, 1, { keepDims: true })), t), expandDims(g, 1))],
});

/** −Σ_k t[k] · log softmax(x)[k] along axis 1, one number per position. */
function negativeLogLikelihood(x: Tensor, t: Tensor): Tensor {
  return customVjp(
    'crossEntropy',
    [x, t],
    () => softmaxCrossEntropy.apply([x, t], {}),
    // logp is an output so that a gradient of this gradient reaches x through it.
    ({ outputs, grads: [g, gLogp], needs }) =>
      composite(() => {
        const logp = outputs[1]!;
        let gx = g && needs[0] ? softmaxCrossEntropyGrad.apply([logp, t, g], {})[0] : null;
        if (gLogp && needs[0]) {
          const more = logSoftmaxGrad(logp, gLogp, 1);
          gx = gx ? add(gx, more) : more;
        }
        return [gx, g && needs[1] ? mul(neg(logp), expandDims(g, 1)) : null];
      }),
  )[0]!;
}

function fromTargets(
  op: string,
  x: Tensor,
  target: Tensor,
  options: CrossEntropyOptions,
  losses: (weights: Tensor) => Tensor,
): Tensor {
  const { weight = null, labelSmoothing: smoothing = 0, ignoreIndex = -100, reduction = 'mean' } = options;
  wantReduction(op, reduction);
  const bySample = weight !== null && options.weighting === 'sample';
  if (x.rank < 2) fail(op, `input has shape ${showShape(x.shape)}, it must be [n, c] or [n, c, ...spatial]`);
  if (!(smoothing >= 0 && smoothing <= 1)) fail(op, `labelSmoothing ${smoothing} is not between 0 and 1`);
  const c = x.shape[1]!;
  const positions = [x.shape[0]!, ...x.shape.slice(2)];
  if (weight && !sameShape(weight.shape, [c]))
    fail(op, `weight has shape ${showShape(weight.shape)}, it must be [${c}]`);
  const soft = target.dtype === 'float32';
  const want = soft ? x.shape : positions;
  if (target.dtype === 'bool' || !sameShape(target.shape, want)) {
    fail(
      op,
      `targets are ${target.dtype}${showShape(target.shape)}: for an input of ${showShape(x.shape)} they must be int32 labels ${showShape(positions)} or float32 probabilities ${showShape(x.shape)}`,
    );
  }
  return composite(() => {
    const classes = (p: Tensor): Tensor => reshape(p, [c, ...positions.slice(1).map(() => 1)]);
    const weights = weight && classes(weight);
    if (soft) {
      const mixed = (p: Tensor, spread: Tensor | number): Tensor =>
        smoothing ? add(mul(p, 1 - smoothing), spread) : p;
      let t: Tensor;
      if (weights && bySample) {
        const weighted = mul(target, weights);
        t = mixed(weighted, mul(sum(weighted, 1, { keepDims: true }), smoothing / c));
      } else {
        t = mixed(target, smoothing / c);
        if (weights) t = mul(t, weights);
      }
      return finish(losses(t), reduction, (s) => div(s, sizeOf(positions)));
    }
    const counts = notEqual(target, ignoreIndex);
    // w[y] at each position, 0 where ignored. gather also complains about labels that are no class.
    const flat = reshape(select(counts, target, 0), [-1]);
    const picked = reshape(ofClass(op, weight ?? ones([c], { backend: x.backend }), flat), positions);
    const own = select(counts, picked, 0);
    const hot = equal(expandDims(target, 1), classes(arange(c, { backend: x.backend })));
    let t: Tensor;
    if (weight || smoothing) {
      t = select(hot, expandDims(mul(own, 1 - smoothing), 1), 0);
      if (smoothing) {
        const everywhere = mul(expandDims(bySample ? own : cast(counts, 'float32'), 1), smoothing / c);
        t = add(t, weights && !bySample ? mul(everywhere, weights) : everywhere);
      }
    } else {
      t = cast(logicalAnd(hot, expandDims(counts, 1)), 'float32');
    }
    return finish(losses(t), reduction, (s) => perWeight(s, sum(own)));
  });
}

/** The weight of each label's class. @throws KernelError for a label that is none, on asynchronous backends where the loss is read. */
function ofClass(op: string, weights: Tensor, labels: Tensor): Tensor {
  try {
    return gather(weights, labels);
  } catch (cause) {
    const at = /index (-?\d+) is outside/.exec(cause instanceof KernelError ? cause.message : '')?.[1];
    if (at === undefined) throw cause;
    const c = weights.size;
    throw new KernelError(
      op,
      [weights, labels],
      new RangeError(`label ${at} is none of ${c} classes: labels are 0 to ${c - 1}, or ignoreIndex`),
    );
  }
}

/** total / weight. Where nothing counts, the mean is NaN as in PyTorch, but its gradient is 0 and not 0 · ∞. */
function perWeight(total: Tensor, weight: Tensor): Tensor {
  return customVjp(
    'crossEntropyMean',
    [total, weight],
    () => [div(total, weight)],
    ({ outputs: [y], gy, needs }) =>
      composite(() => {
        const share = div(gy, select(equal(weight, 0), 1, weight));
        return [needs[0] ? share : null, needs[1] ? neg(mul(share, y!)) : null];
      }),
  )[0]!;
}

function finish(losses: Tensor, reduction: Reduction, average: (total: Tensor) => Tensor): Tensor {
  return reduction === 'none' ? losses : reduction === 'sum' ? sum(losses) : average(sum(losses));
}
