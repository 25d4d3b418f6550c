import { add, div, maximum, mul, relu, sqrt, sub } from '../ops/index.ts';
import type { Tensor, TensorLike } from '../tensor.ts';
import {
  RuleOptimizer,
  type BaseHyper,
  type GroupOptions,
  type Optimizer,
  type Update,
  type UpdateContext,
} from './optimizer.ts';
import { power } from './power.ts';
import { adamStep, average, decayed, sgdStep } from './steps.ts';

type Options<H extends BaseHyper> = Partial<H> & GroupOptions<H>;

/** The settings among the options, with defaults. */
function settings<H extends BaseHyper>(defaults: H, options: Options<H>): H {
  const entries = Object.keys(defaults).map((k) => [
    k,
    (options as Record<string, unknown>)[k] ?? defaults[k as keyof H],
  ]);
  return Object.fromEntries(entries) as H;
}

export interface SgdHyper extends BaseHyper {
  /** Share of the last update that is kept. Default 0. */
  readonly momentum: number;
  /** Share of the gradient that does not enter the momentum. Default 0. */
  readonly dampening: number;
  /** Look ahead along the momentum. (Sutskever et al., 2013) Default false. */
  readonly nesterov: boolean;
}

/**
 * Stochastic gradient descent: b ← momentum · b + (1 − dampening) · g (first step: b ← g); p ← p − lr · b, or with Nesterov's
 * momentum p ← p − lr · (g + momentum · b). PyTorch's formulas. Default lr 1e-3.
 * @throws (when it steps) GraftError for gradients that do not fit their parameters.
 * @example
 * const p = new Parameter(tensor([1]));
 * const optimizer = sgd({ lr: 0.1 });
 * optimizer.step([{ name: 'p', parameter: p, grad: tensor([2]) }]);
 * p.value; // → [0.8]
 */
export function sgd(options: Options<SgdHyper> = {}): Optimizer {
  const hyper = settings({ lr: 1e-3, momentum: 0, dampening: 0, weightDecay: 0, nesterov: false }, options);
  return new RuleOptimizer<SgdHyper>('sgd', hyper, options, ({ p, g, hyper: h, at, state }) => {
    const attrs = { ...h, lr: at('lr', (lr) => lr) };
    const [next, buffer] = sgdStep.apply([p, g, state.momentum_buffer ?? null], attrs);
    return { p: next, state: buffer ? { momentum_buffer: buffer } : {} };
  });
}

export interface AdamHyper extends BaseHyper {
  /** Decay of the first and second moments. Default [0.9, 0.999]. */
  readonly betas: readonly [number, number];
  /** Added to the root. Default 1e-8. */
  readonly eps: number;
  /** Divide by the largest second moment so far. (Reddi et al., 2018) Default false. */
  readonly amsgrad: boolean;
}

/** A step with the decay of the weights as given: as a penalty, or as a factor on p. */
function adamUpdate(
  { p, g, hyper, at, state }: UpdateContext<AdamHyper>,
  weightDecay: number,
  shrink: TensorLike,
): Update {
  const [beta1, beta2] = hyper.betas;
  // (lr / k1) · m / (√v / √k2 + eps), multiplied through by √k2: one tensor less.
  const root = (t: number): number => Math.sqrt(1 - power(beta2, t));
  const rate = at('rate', (lr, t) => (lr * root(t)) / (1 - power(beta1, t)));
  const eps = at('eps', (_, t) => hyper.eps * root(t));
  const { exp_avg: m0 = null, exp_avg_sq: v0 = null, max_exp_avg_sq: top0 } = state;
  if (!hyper.amsgrad) {
    const attrs = { rate, beta1, beta2, eps, weightDecay, shrink };
    const [next, m, v] = adamStep.apply([p, g, m0, v0], attrs);
    return { p: next, state: { exp_avg: m, exp_avg_sq: v } };
  }
  const slope = decayed(p, g, weightDecay);
  const m = average(m0, slope, beta1);
  const v = average(v0, mul(slope, slope), beta2);
  const top = top0 ? maximum(top0, v) : v;
  const update = div(m, add(sqrt(top), eps));
  return {
    p: sub(shrink === 1 ? p : mul(p, shrink), mul(update, rate)),
    state: { exp_avg: m, exp_avg_sq: v, max_exp_avg_sq: top },
  };
}

const adamDefaults = { betas: [0.9, 0.999], eps: 1e-8, amsgrad: false } as const;

/**
 * Adam (Kingma, Ba, 2015, arXiv:1412.6980), with weight decay as a penalty. PyTorch's formulas. Default lr 1e-3,
 * weightDecay 0.
 * @throws (when it steps) GraftError for gradients that do not fit their parameters.
 * @example
 * const p = new Parameter(tensor([1]));
 * const optimizer = adam({ lr: 0.1 });
 * optimizer.step([{ name: 'p', parameter: p, grad: tensor([2]) }]);
 * p.value; // → [0.9]
 */
export function adam(options: Options<AdamHyper> = {}): Optimizer {
  const hyper = settings<AdamHyper>({ lr: 1e-3, weightDecay: 0, ...adamDefaults }, options);
  return new RuleOptimizer('adam', hyper, options, (ctx) => adamUpdate(ctx, ctx.hyper.weightDecay, 1));
}

/**
 * Adam with decoupled weight decay, p ← p · (1 − lr · weightDecay) before the update. (Loshchilov, Hutter, 2019,
 * arXiv:1711.05101) Default lr 1e-3, weightDecay 1e-2.
 * @throws (when it steps) GraftError for gradients that do not fit their parameters.
 * @example
 * const p = new Parameter(tensor([1]));
 * const optimizer = adamW({ lr: 0.1 });
 * optimizer.step([{ name: 'p', parameter: p, grad: tensor([2]) }]);
 * p.value; // → [0.899]
 */
export function adamW(options: Options<AdamHyper> = {}): Optimizer {
  const hyper = settings<AdamHyper>({ lr: 1e-3, weightDecay: 1e-2, ...adamDefaults }, options);
  return new RuleOptimizer('adamW', hyper, options, (ctx) =>
    adamUpdate(
      ctx,
      0,
      ctx.at('shrink', (lr) => 1 - lr * ctx.hyper.weightDecay),
    ),
  );
}

export interface RmspropHyper extends BaseHyper {
  /** Decay of the mean square. Default 0.99. */
  readonly alpha: number;
  /** Added to the root. Default 1e-8. */
  readonly eps: number;
  /** Share of the last update that is kept. Default 0. */
  readonly momentum: number;
  /** Divide by the standard deviation instead of the root mean square. Default false. */
  readonly centered: boolean;
}

/**
 * RMSprop (Hinton, 2012): s ← alpha · s + (1 − alpha) · g², d = g / (√s + eps), p ← p − lr · d, or with momentum
 * b ← momentum · b + d, p ← p − lr · b. PyTorch's formulas. Default lr 1e-2.
 * @throws (when it steps) GraftError for gradients that do not fit their parameters.
 * @example
 * const p = new Parameter(tensor([1]));
 * const optimizer = rmsprop({ lr: 0.1 });
 * optimizer.step([{ name: 'p', parameter: p, grad: tensor([2]) }]);
 * p.value; // → [0.0]
 */
export function rmsprop(options: Options<RmspropHyper> = {}): Optimizer {
  const defaults = { lr: 1e-2, alpha: 0.99, eps: 1e-8, weightDecay: 0, momentum: 0, centered: false };
  return new RuleOptimizer<RmspropHyper>('rmsprop', settings(defaults, options), options, (ctx) => {
    const { p, hyper: h, at, state } = ctx;
    const lr = at('lr', (rate) => rate);
    const g = decayed(p, ctx.g, h.weightDecay);
    const square = average(state.square_avg, mul(g, g), h.alpha);
    const next: Record<string, Tensor> = { square_avg: square };
    let spread = square;
    if (h.centered) {
      const mean = average(state.grad_avg, g, h.alpha);
      next.grad_avg = mean;
      spread = relu(sub(square, mul(mean, mean))); // rounding must not make it negative
    }
    const d = div(g, add(sqrt(spread), h.eps));
    if (h.momentum === 0) return { p: sub(p, mul(d, lr)), state: next };
    const before = state.momentum_buffer;
    const buffer = before ? add(mul(before, h.momentum), d) : d;
    next.momentum_buffer = buffer;
    return { p: sub(p, mul(buffer, lr)), state: next };
  });
}

export interface AdagradHyper extends BaseHyper {
  /** The rate at step t is lr / (1 + (t − 1) · lrDecay). Default 0. */
  readonly lrDecay: number;
  /** Added to the root. Default 1e-10. */
  readonly eps: number;
  /** What the sum of squares starts from. Default 0. */
  readonly initialAccumulator: number;
}

/**
 * Adagrad (Duchi et al., 2011): s ← s + g², p ← p − rate · g / (√s + eps). PyTorch's formulas. Default lr 1e-2.
 * @throws (when it steps) GraftError for gradients that do not fit their parameters.
 * @example
 * const p = new Parameter(tensor([1]));
 * const optimizer = adagrad({ lr: 0.1 });
 * optimizer.step([{ name: 'p', parameter: p, grad: tensor([2]) }]);
 * p.value; // → [0.9]
 */
export function adagrad(options: Options<AdagradHyper> = {}): Optimizer {
  const defaults = { lr: 1e-2, lrDecay: 0, weightDecay: 0, eps: 1e-10, initialAccumulator: 0 };
  return new RuleOptimizer<AdagradHyper>('adagrad', settings(defaults, options), options, (ctx) => {
    const { p, hyper: h, at, state } = ctx;
    const g = decayed(p, ctx.g, h.weightDecay);
    const sum = add(state.sum ?? h.initialAccumulator, mul(g, g));
    const rate = at('rate', (lr, t) => lr / (1 + (t - 1) * h.lrDecay));
    return { p: sub(p, mul(div(g, add(sqrt(sum), h.eps)), rate)), state: { sum } };
  });
}
