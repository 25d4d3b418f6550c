import {
  concat,
  grad,
  mul,
  Random,
  reshape,
  scope,
  sum,
  tensor,
  type Backend,
  type Tensor,
} from '@graftjs/core';
import { createErrorBoundBackend, oracleModel } from './bounds/index.ts';
import { dataOf, sourcesOf, upload, type Case } from './cases/case.ts';
import { joined } from './evaluate.ts';
import { createOracle } from './oracle/index.ts';

/** About the cube root of float64's precision, where truncation and rounding of a central difference balance. */
const STEP = 2 ** -17;

/** A finite difference that cannot see one part in this many is no test. */
const RESOLUTION = 2 ** 13;

/** A scalar function of tensors, and where it is looked at. */
interface Problem {
  readonly f: (...x: Tensor[]) => Tensor;
  readonly x: readonly { readonly data: ArrayLike<number>; readonly shape: readonly number[] }[];
}

export interface DifferenceOutcome {
  readonly passed: boolean;
  /** |difference − derivative| as a share of what rounding and truncation allow. */
  readonly share: number;
  readonly message: string;
}

/** The case's float inputs as a scalar function: f(x) = Σ gy · y(x), with gy an input of its own. */
function scalarOf(c: Case, backend: Backend): Problem {
  const data = dataOf(c, 'real');
  const sources = sourcesOf(c);
  const size = scope(() => joined(c, upload(c, data, backend)).size);
  const gy = drawn(`${c.name} difference gy`, size);
  return {
    x: [...sources.map((i) => ({ data: data[i], shape: c.inputs[i].shape })), { data: gy, shape: [size] }],
    f: (...x) => {
      const inputs = upload(c, data, x[0].backend).map((t, i) => x[sources.indexOf(i)] ?? t);
      return sum(mul(joined(c, inputs), x.at(-1) ?? 1));
    },
  };
}

/** Numbers with few bits, so that x + h · d is exact. */
function drawn(stream: string, size: number): Float32Array {
  return new Random(1, stream).uniformArray(size).map((u) => Math.round(2048 * u - 1024) / 1024);
}

/** g(x) = Σ v · ∇f(x): its gradient is the second derivative of f. */
function derivativeOf({ f, x }: Problem, name: string): Problem {
  const v = x.map(({ data }, i) => drawn(`${name} difference v${i}`, data.length));
  return {
    x,
    f: (...at) => {
      const grads = grad(f)(...at);
      const parts = grads.map((g, i) => mul(g, tensor(v[i], g.shape, { backend: g.backend })));
      return sum(concat(parts.map((p) => reshape(p, [-1]))));
    },
  };
}

/**
 * Is the gradient of a problem what finite differences say? Along a random direction d,
 * D(h) = (f(x + h·d) − f(x − h·d)) / 2h = ⟨∇f, d⟩ + c·h² + O(h⁴), so D(2h) − D(h) ≈ 3c·h² bounds the truncation of D(h)
 * three times over; what rounding does to f and to ⟨∇f, d⟩ is known from their error bounds in float64; where f is a
 * polynomial that stands for a function, the case says what that does to its slope.
 */
function agrees({ f, x }: Problem, { name, slopeWithin = 0 }: Case): DifferenceOutcome {
  const oracle = createOracle();
  const bounds = createErrorBoundBackend(oracleModel);
  const d = x.map(({ data }, i) => drawn(`${name} difference d${i}`, data.length));
  const at = (backend: Backend, h: number): Tensor[] =>
    x.map(({ data, shape }, i) =>
      tensor(
        Float64Array.from(data, (v, k) => v + h * d[i][k]),
        shape,
        { backend },
      ),
    );
  const value = (h: number): number => scope(() => f(...at(oracle, h))).dataSync()[0];
  const bounded = (fn: () => Tensor): { v: number; e: number } => {
    const { value: v, error } = bounds.bounded(scope(fn));
    return { v: v[0], e: error?.[0] ?? 0 };
  };

  const difference = (h: number): number => (value(h) - value(-h)) / (2 * h);
  const [near, far] = [difference(STEP), difference(2 * STEP)];
  const derivative = bounded(() => {
    const parts = grad(f)(...at(bounds, 0)).map((g, i) => mul(g, tensor(d[i], g.shape, { backend: bounds })));
    return sum(concat(parts.map((p) => reshape(p, [-1]))));
  });
  const size = scope(() => grad(f)(...at(oracle, 0)).map((g) => g.dataSync()))
    .flatMap((g, i) => Array.from(g, (v, k) => Math.abs(v * d[i][k])))
    .reduce((s, v) => s + v, 0);

  const rounding =
    Math.max(bounded(() => f(...at(bounds, STEP))).e, bounded(() => f(...at(bounds, -STEP))).e) / STEP;
  const allowed = Math.abs(far - near) + rounding + derivative.e + slopeWithin * size;
  const error = Math.abs(near - derivative.v);
  const said = `${name}: the difference quotient is ${near}, the gradient says ${derivative.v}, ± ${allowed}`;
  if (!(allowed * RESOLUTION <= size) && size > 0) {
    return { passed: false, share: Infinity, message: `${said}: too coarse to tell` };
  }
  return { passed: error <= allowed, share: error === 0 ? 0 : error / allowed, message: said };
}

/** Checks a case's gradient (order 1), or the gradient of its gradient (order 2), on the oracle. */
export function checkGradient(c: Case, order: 1 | 2): DifferenceOutcome {
  const first = scalarOf(c, createOracle());
  return agrees(order === 1 ? first : derivativeOf(first, c.name), c);
}
