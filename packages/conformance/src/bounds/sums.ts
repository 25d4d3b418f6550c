import { sizeOf } from '@graftjs/core';

import { poolWindows, reduceGroups } from '../oracle/indexing.ts';
import { scatterMap } from '../oracle/movement.ts';
import { productsOf, type BilinearOp } from '../oracle/products.ts';
import { errorAt, type ErrorKernel } from './bounded.ts';
import {
  chainOfSum,
  gamma,
  grain,
  ORACLE_ERROR,
  rounding,
  sumsExactly,
  ulp,
  type ErrorModel,
} from './model.ts';

/** What a bound on a sum needs to know about each output's terms. */
class Terms {
  /** S: the terms' absolute values, added up. */
  readonly size: Float64Array;
  /** What the errors of the operands can make of the exact sum. */
  readonly moved: Float64Array;
  readonly count: Uint32Array;
  constructor(outputs: number) {
    this.size = new Float64Array(outputs);
    this.moved = new Float64Array(outputs);
    this.count = new Uint32Array(outputs);
  }

  add(output: number, size: number, moved: number): void {
    this.size[output] += size;
    this.moved[output] += moved;
    this.count[output]++;
  }

  /**
   * |y − y64| ≤ moved + γ(k)·(S + moved) + n·ulp(0): each of the n terms goes through at most k roundings, and each
   * product and each sum may underflow. Sums of multiples of `grain` that stay small are exact.
   */
  bound(model: ErrorModel, output: number, roundings: number, grain: number): number {
    const [size, moved, n] = [this.size[output], this.moved[output], this.count[output]];
    if (moved === 0 && sumsExactly(model, size, grain)) return 0;
    const oracle = (n + 1) * ORACLE_ERROR * size;
    return moved + gamma(model, roundings) * (size + moved) + n * ulp(model, 0) + oracle;
  }

  bounds(model: ErrorModel, roundings: (output: number) => number, grain: number): Float64Array {
    return this.size.map((_, o) => this.bound(model, o, roundings(o), grain));
  }
}

/**
 * Sums of n products. In any order a term meets n roundings: that of its product and n − 1 additions. So k = n, the taps
 * inside the input times the group's channels for `conv`, taps times output channels for its input gradient, k for
 * `matmul`. The weight gradient sums per sample (`parts`) first: k = the products of the largest sample + samples − 1.
 */
export function bilinearError<N extends BilinearOp>(model: ErrorModel, name: N): ErrorKernel<N> {
  return (inputs, attrs, out, value) => {
    const [a, b] = inputs;
    const shapes = inputs.map((t) => t.spec.shape);
    const parts = productsOf[name](shapes, attrs, out.shape);
    const terms = new Terms(value.length);
    const longest = new Uint32Array(value.length);
    const [{ value: x, error: ex }, { value: w, error: ew }] = [a.buffer, b.buffer];
    for (const part of parts) {
      const before = terms.count.slice();
      const { a: as, b: bs, y } = part;
      for (let k = 0; k < y.length; k++) {
        const [i, j] = [as[k], bs[k]];
        const [p, q] = [Math.abs(x[i]), Math.abs(w[j])];
        const [ep, eq] = [ex === null ? 0 : ex[i], ew === null ? 0 : ew[j]];
        terms.add(y[k], p * q, ep * q + p * eq + ep * eq);
      }
      for (let o = 0; o < longest.length; o++) longest[o] = Math.max(longest[o], terms.count[o] - before[o]);
    }
    const chain = (o: number): number =>
      model.order === 'any' ? terms.count[o] : Math.min(terms.count[o], longest[o] + parts.length - 1);
    return terms.bounds(model, chain, grain(a.buffer.value) * grain(b.buffer.value));
  };
}

/** n − 1 additions in any order; in the contract's blocked order fewer (`chainOfSum`). */
export function sumError(model: ErrorModel): ErrorKernel<'reduce'> {
  return ([x], { axes }, out, value) => {
    if (out.dtype === 'int32' && x.buffer.error === null) return null;
    const terms = new Terms(value.length);
    reduceGroups(x.spec.shape, axes).forEach((group, o) => {
      for (const i of group) terms.add(o, Math.abs(x.buffer.value[i]), errorAt(x, i));
    });
    if (out.dtype === 'int32') return terms.moved;
    return terms.bounds(model, (o) => chainOfSum(model, terms.count[o]), grain(x.buffer.value));
  };
}

/** n − 1 additions: the first one, to +0, is exact. */
export function scatterAddError(model: ErrorModel): ErrorKernel<'scatterAdd'> {
  return ([x, indices], { axis }, out) => {
    const terms = new Terms(sizeOf(out.shape));
    scatterMap(x.spec.shape, indices.buffer.value, axis, out.shape).forEach((o, i) => {
      terms.add(o, Math.abs(x.buffer.value[i]), errorAt(x, i));
    });
    if (out.dtype === 'int32') return x.buffer.error && terms.moved;
    return terms.bounds(model, (o) => Math.max(terms.count[o] - 1, 0), grain(x.buffer.value));
  };
}

/** n − 1 additions, then the division's rounding. */
export function avgPoolError(model: ErrorModel): ErrorKernel<'avgPool'> {
  return ([x], attrs, out, value) => {
    const terms = new Terms(value.length);
    const windows = poolWindows(x.spec.shape, out.shape, attrs, attrs.countIncludePad);
    windows.forEach(({ inputs }, o) => {
      for (const i of inputs) terms.add(o, Math.abs(x.buffer.value[i]), errorAt(x, i));
    });
    const sums = terms.bounds(model, (o) => Math.max(terms.count[o] - 1, 0), grain(x.buffer.value));
    return sums.map((sum, o) => {
      const moved = sum / windows[o].count;
      return moved + rounding(model, value[o], moved, model.division);
    });
  };
}

/** Each term is a quotient and rounded once; then n − 1 additions. */
export function avgPoolGradError(model: ErrorModel): ErrorKernel<'avgPoolGrad'> {
  return ([gy], attrs, out, value) => {
    const terms = new Terms(value.length);
    const quotients: number[] = [];
    poolWindows(out.shape, gy.spec.shape, attrs, attrs.countIncludePad).forEach(({ inputs, count }, o) => {
      const quotient = gy.buffer.value[o] / count;
      quotients.push(quotient);
      const moved = errorAt(gy, o) / count;
      const error = moved + rounding(model, quotient, moved, model.division);
      for (const i of inputs) terms.add(i, Math.abs(quotient), error);
    });
    return terms.bounds(model, (o) => Math.max(terms.count[o] - 1, 0), grain(quotients));
  };
}

export { Terms };
