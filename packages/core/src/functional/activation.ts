import { composite } from '../op.ts';
import {
  abs,
  add,
  clip,
  div,
  erf,
  exp,
  expm1,
  greater,
  greaterEqual,
  less,
  log1p,
  logicalAnd,
  minimum,
  mul,
  neg,
  relu,
  reshape,
  select,
  sigmoid,
  sub,
  tanh,
} from '../ops/index.ts';
import { wantOneOf } from '../ops/check.ts';
import type { Tensor } from '../tensor.ts';
import type { Layout } from '../types.ts';
import { perChannel } from './channels.ts';
import { pointwise } from './pointwise.ts';

const between = (x: Tensor, low: number, high: number): Tensor => logicalAnd(greater(x, low), less(x, high));
/** min(max(x + 3, 0), 6) / 6. */
const gate = (x: Tensor): Tensor => div(minimum(relu(add(x, 3)), 6), 6);

/**
 * min(max(x, 0), 6); the gradient is 0 at 0 and at 6. (Krizhevsky, 2010)
 * @param x Any shape, float32.
 * @throws ShapeError where x is bool.
 * @example
 * relu6(tensor([-1, 3, 8])); // → [0, 3, 6]
 */
export function relu6(x: Tensor): Tensor {
  return pointwise(
    'relu6',
    x,
    () => minimum(relu(x), 6),
    (gy) => select(between(x, 0, 6), gy, 0),
  );
}

/**
 * x where x > 0, otherwise slope · x. (Maas et al., 2013)
 * @param x Any shape, float32.
 * @throws ShapeError where x is bool.
 * @example
 * leakyRelu(tensor([-2, 3]), 0.1); // → [-0.2, 3]
 */
export function leakyRelu(x: Tensor, slope = 0.01): Tensor {
  return pointwise(
    'leakyRelu',
    x,
    () => select(greater(x, 0), x, mul(x, slope)),
    (gy) => select(greater(x, 0), gy, mul(gy, slope)),
    { slope },
  );
}

/**
 * x where x > 0, otherwise slope · x with a learned slope per channel. (He et al., 2015, arXiv:1502.01852)
 * @param x `[n, c, ...spatial]` (or channels-last).
 * @param slope `[1]` or `[channels]`.
 * @throws ShapeError where the slopes do not broadcast along the channels.
 * @example
 * prelu(tensor([[-2, -2]]), tensor([0.5, 0.25])); // → [[-1, -0.5]]
 */
export function prelu(x: Tensor, slope: Tensor, options: { readonly layout?: Layout } = {}): Tensor {
  const layout = options.layout ?? 'channels-first';
  return composite(
    () => {
      const w = slope.size === 1 ? reshape(slope, []) : perChannel(slope, x.rank, layout);
      return select(greater(x, 0), x, mul(x, w));
    },
    { name: 'prelu', inputs: [x, slope], attrs: { layout } },
  );
}

/**
 * x where x > 0, otherwise alpha · (exp(x) − 1). (Clevert et al., 2016, arXiv:1511.07289)
 * @param x Any shape, float32.
 * @throws ShapeError where x is not float32.
 * @example
 * elu(tensor([-1, 2])); // → [-0.6321, 2]
 */
export function elu(x: Tensor, alpha = 1): Tensor {
  // exp of the negative part only: the branch that is not taken must not overflow into NaN gradients.
  const low = (): Tensor => neg(relu(neg(x)));
  return pointwise(
    'elu',
    x,
    () => select(greater(x, 0), x, mul(expm1(low()), alpha)),
    (gy) => select(greater(x, 0), gy, mul(gy, mul(exp(low()), alpha))),
    { alpha },
  );
}

export interface GeluOptions {
  /** `'tanh'`: the approximation ½x(1 + tanh(√(2/π)(x + 0.044715x³))). Default `'none'`: the exact form with erf. */
  readonly approximate?: 'none' | 'tanh';
}

/**
 * x · Φ(x), Φ the distribution function of the standard normal. (Hendrycks, Gimpel, 2016, arXiv:1606.08415)
 * @param x Any shape, float32.
 * @throws ShapeError where x is not float32, or `approximate` is not known.
 * @example
 * gelu(tensor([-1, 2])); // → [-0.15866, 1.9545]
 * gelu(tensor([-1, 2]), { approximate: 'tanh' }); // → [-0.15881, 1.9546]
 */
export function gelu(x: Tensor, options: GeluOptions = {}): Tensor {
  wantOneOf('gelu', 'approximate', options.approximate ?? 'none', ['none', 'tanh']);
  if (options.approximate === 'tanh') {
    const k = Math.sqrt(2 / Math.PI);
    const t = (): Tensor => tanh(mul(add(x, mul(mul(mul(x, x), x), 0.044715)), k));
    return pointwise(
      'geluTanh',
      x,
      () => mul(mul(x, 0.5), add(t(), 1)),
      (gy) => {
        const th = t();
        const inner = mul(add(mul(mul(x, x), 3 * 0.044715), 1), k / 2);
        return mul(gy, add(mul(add(th, 1), 0.5), mul(mul(x, sub(1, mul(th, th))), inner)));
      },
    );
  }
  const cdf = (): Tensor => mul(add(erf(mul(x, Math.SQRT1_2)), 1), 0.5);
  return pointwise(
    'gelu',
    x,
    () => mul(x, cdf()),
    (gy) => {
      const density = mul(exp(mul(mul(x, x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
      return mul(gy, add(cdf(), mul(x, density)));
    },
  );
}

/**
 * x · sigmoid(x), also known as swish. (Elfwing et al., 2017, arXiv:1702.03118)
 * @param x Any shape, float32.
 * @throws ShapeError where x is not float32.
 * @example
 * silu(tensor([-1, 2])); // → [-0.2689, 1.7616]
 */
export function silu(x: Tensor): Tensor {
  return pointwise(
    'silu',
    x,
    () => mul(x, sigmoid(x)),
    (gy) => {
      const s = sigmoid(x);
      return mul(gy, mul(s, add(mul(x, sub(1, s)), 1)));
    },
  );
}

/**
 * x · min(max(x + 3, 0), 6) / 6; the gradient is 0 at −3 and 1 at 3. (Howard et al., 2019, arXiv:1905.02244)
 * @param x Any shape, float32.
 * @throws ShapeError where x is not float32.
 * @example
 * hardswish(tensor([-4, 1, 4])); // → [0, 0.6667, 4]
 */
export function hardswish(x: Tensor): Tensor {
  return pointwise(
    'hardswish',
    x,
    () => mul(x, gate(x)),
    (gy) => select(between(x, -3, 3), mul(gy, add(div(x, 3), 0.5)), select(greaterEqual(x, 3), gy, 0)),
  );
}

/**
 * min(max(x + 3, 0), 6) / 6; the gradient is 0 at ±3.
 * @param x Any shape, float32.
 * @throws ShapeError where x is not float32.
 * @example
 * hardsigmoid(tensor([-4, 0, 4])); // → [0, 0.5, 1]
 */
export function hardsigmoid(x: Tensor): Tensor {
  return pointwise(
    'hardsigmoid',
    x,
    () => gate(x),
    (gy) => select(between(x, -3, 3), div(gy, 6), 0),
  );
}

/**
 * min(max(x, low), high); unlike `clip`, the gradient is 0 on the limits.
 * @param x Any shape, float32.
 * @throws ShapeError where x is no tensor.
 * @example
 * hardtanh(tensor([-4, 0.5, 4])); // → [-1, 0.5, 1]
 */
export function hardtanh(x: Tensor, low = -1, high = 1): Tensor {
  return pointwise(
    'hardtanh',
    x,
    () => clip(x, low, high),
    (gy) => select(between(x, low, high), gy, 0),
    { low, high },
  );
}

/** log(1 + exp(x)), without overflow: max(x, 0) + log1p(exp(−|x|)). */
const log1pExp = (x: Tensor): Tensor => add(relu(x), log1p(exp(neg(abs(x)))));

/**
 * log(1 + exp(beta · x)) / beta, a smooth relu. (Dugas et al., 2001)
 * @param x Any shape, float32.
 * @throws ShapeError where x is not float32.
 * @example
 * softplus(tensor([-1, 2])); // → [0.3133, 2.1269]
 */
export function softplus(x: Tensor, beta = 1): Tensor {
  return pointwise(
    'softplus',
    x,
    () => (beta === 1 ? log1pExp(x) : div(log1pExp(mul(x, beta)), beta)),
    (gy) => mul(gy, sigmoid(beta === 1 ? x : mul(x, beta))),
    { beta },
  );
}

/**
 * x · tanh(softplus(x)). (Misra, 2019, arXiv:1908.08681)
 * @param x Any shape, float32.
 * @throws ShapeError where x is not float32.
 * @example
 * mish(tensor([-1, 2])); // → [-0.3034, 1.944]
 */
export function mish(x: Tensor): Tensor {
  return pointwise(
    'mish',
    x,
    () => mul(x, tanh(log1pExp(x))),
    (gy) => {
      const t = tanh(softplus(x));
      return mul(gy, add(t, mul(mul(x, sigmoid(x)), sub(1, mul(t, t)))));
    },
  );
}
