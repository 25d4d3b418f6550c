import {
  compile,
  concat,
  getDefaultBackend,
  reshape,
  scope,
  setDefaultBackend,
  tensor,
  vjp,
  type Backend,
  type Tensor,
} from '@graftjs/core';
import { dataOf, drawn, once, outputs, sourcesOf, upload, type Case } from './cases/case.ts';
import { real, type DataKind } from './cases/data.ts';

/** What one run of a case gives, by name: 'output 0', 'gradient of input 1'. The caller disposes the tensors. */
export type Results = Map<string, Tensor>;

/** All floating-point outputs in a row. */
export function joined(c: Case, inputs: readonly Tensor[]): Tensor {
  return concat(
    outputs(c, inputs)
      .filter((y) => y.dtype === 'float32')
      .map((y) => reshape(y, [-1])),
  );
}

/** What of a case is run. */
export type What = 'outputs' | 'gradients';

/** Runs a case on a backend: its outputs, or its gradients with random output gradients. */
export function evaluate(c: Case, backend: Backend, kind: DataKind, what: What): Results {
  return withDefaultBackend(backend, () =>
    scope(() => {
      const inputs = upload(c, dataOf(c, kind), backend);
      return what === 'outputs' ? forward(c, inputs) : backward(c, inputs, kind);
    }),
  );
}

/** The same with the run of the case, gradients included, compiled first. */
export function evaluateCompiled(c: Case, backend: Backend, kind: DataKind, what: What): Results {
  const gradients = what === 'gradients';
  return withDefaultBackend(backend, () =>
    scope(() => {
      const inputs = upload(c, dataOf(c, kind), backend);
      const run = compile((...xs: Tensor[]) => (gradients ? backward(c, xs, kind) : forward(c, xs)));
      try {
        const first = run(...inputs);
        return c.draws ? first : run(...inputs); // recorded, and run again
      } finally {
        run.dispose();
      }
    }),
  );
}

/** Layers put their parameters on the default backend. */
function withDefaultBackend<T>(backend: Backend, fn: () => T): T {
  let before: Backend | null = null;
  try {
    before = getDefaultBackend();
  } catch {
    // there is none
  }
  setDefaultBackend(backend);
  try {
    return fn();
  } finally {
    setDefaultBackend(before);
  }
}

function forward(c: Case, inputs: readonly Tensor[]): Results {
  return new Map(outputs(c, inputs).map((y, i) => [`output ${i}`, y]));
}

function backward(c: Case, inputs: readonly Tensor[], kind: DataKind): Results {
  const sources = sourcesOf(c);
  const at = (moved: readonly Tensor[]): Tensor[] => inputs.map((x, i) => moved[sources.indexOf(i)] ?? x);
  const size = once(c, 'size', () => scope(() => joined(c, inputs)).size);
  const gy = drawn(c, `${kind} gy`, real, size, kind);
  const { grads } = vjp(
    (...moved) => joined(c, at(moved)),
    sources.map((i) => inputs[i]),
    tensor(gy, [size], { backend: inputs[0].backend }),
  );
  return new Map(grads.map((g, i) => [`gradient of input ${sources[i]}`, g]));
}

/** Has a case gradients to check? */
export function differentiable(c: Case): boolean {
  return sourcesOf(c).length > 0;
}
