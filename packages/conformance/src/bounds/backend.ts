import { isTensor, type Backend, type Tensor, type TensorSpec } from '@graftjs/core';
import { type Kernel, type OpAttrs, type Operand, type OpInputs, type OpName } from '@graftjs/core/backend';
import { exact } from '../oracle/arithmetic.ts';
import { uploadValues } from '../oracle/backend.ts';
import { errorKernels, referenceKernels } from '../primitives/index.ts';
import type { Bounded, BoundedOperand, ErrorKernel } from './bounded.ts';
import { inputError, type ErrorModel } from './model.ts';

/** From here on a float32 rounds to infinity. */
const OVERFLOW = 2 ** 128 - 2 ** 103;

/** The bounds themselves are computed in float64: some 2⁻⁵⁰ per operation, far less than this. */
const SAFETY = 1 + 2 ** -40;

/** Settles infinities and NaN, and drops errors that are all zero. */
function settle(model: ErrorModel, { value, error }: Bounded, exactInputs: boolean): Bounded {
  const out = error ?? new Float64Array(value.length);
  let some = false;
  for (let i = 0; i < value.length; i++) {
    const v = value[i];
    if (model.precision === 24 && Math.abs(v) - out[i] >= OVERFLOW) {
      value[i] = v * Infinity;
      out[i] = 0;
    } else if (model.precision === 24 && Math.abs(v) + out[i] >= OVERFLOW) out[i] = Infinity;
    else if (!Number.isFinite(v) && (exactInputs || out[i] < Infinity)) out[i] = 0;
    else if (Number.isNaN(out[i])) out[i] = Infinity;
    out[i] *= SAFETY;
    some ||= out[i] > 0;
  }
  return { value, error: some ? out : null };
}

/** A backend that computes what any backend rounding as `model` says may differ by. */
export interface ErrorBoundBackend extends Backend<Bounded> {
  /** The oracle's values of a tensor of this backend, and the bound on every element. */
  bounded(t: Tensor): Bounded;
}

/**
 * Running error analysis as a backend (Wilkinson; Higham, Accuracy and Stability, section 3.3). Each buffer carries the
 * oracle's value v of every element and a number e, such that a backend which rounds as `model` says has y with
 * |y − v| ≤ e. That holds for what is uploaded, and every primitive keeps it: e of its output is what the errors of its
 * inputs can make of it, evaluated exactly, plus its own roundings, plus the oracle's. So the bound of a composite, of a
 * gradient, of a training step is found by running it here.
 *
 * Where a choice (compare, select, argmax, max-pool) is not decided within the errors, the bound covers every outcome.
 */
export function createErrorBoundBackend(model: ErrorModel): ErrorBoundBackend {
  const values = referenceKernels(exact);
  const errors = errorKernels(model);

  function run<N extends OpName>(
    op: N,
    inputs: OpInputs<BoundedOperand>[N],
    attrs: OpAttrs[N],
    output: TensorSpec,
  ): Bounded {
    const plain = inputs.map(({ buffer, spec }) => ({ buffer: buffer.value, spec }));
    const exactInputs = inputs.every(({ buffer }) => buffer.error === null);
    const kernel = values[op] as Kernel<N, Bounded['value']>;
    const value = kernel(plain as unknown as OpInputs<Operand<Bounded['value']>>[N], attrs, output);
    if ((op === 'gather' || op === 'scatterAdd') && inputs[1]!.buffer.error)
      throw new RangeError(`${op}: undecided indices`);
    const error = (errors[op] as ErrorKernel<N>)(inputs, attrs, output, value);
    return settle(model, { value, error }, exactInputs);
  }

  const backend: ErrorBoundBackend = {
    name: 'error bound',
    upload(data, spec) {
      const value = uploadValues(data, spec, exact.number);
      if (spec.dtype !== 'float32') return settle(model, { value, error: null }, true);
      const error = new Float64Array(value.length);
      for (let i = 0; i < error.length; i++) error[i] = inputError(model, value[i]);
      return settle(model, { value, error }, true);
    },
    read: async ({ value }) => value.slice(),
    readSync: ({ value }) => value.slice(),
    release: () => {},
    flush: async () => {},
    dispose: async () => {},
    run,
    bounded(t) {
      if (!isTensor(t) || t.backend !== backend)
        throw new TypeError('this tensor is not on the error-bound backend');
      return t.storage.buffer as Bounded;
    },
  };
  return backend;
}
