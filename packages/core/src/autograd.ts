import { GraftError } from './errors.ts';
import {
  activeRecorders,
  composite,
  wantTensors,
  withRecorders,
  type Recorded,
  type Recorder,
} from './op.ts';
import { add, ones, zeros } from './ops/index.ts';
import { isTensor, type Tensor } from './tensor.ts';
import { sameShape, showShape } from './types.ts';

/** Anything that holds a trainable tensor, such as a `Parameter`. */
export interface TensorHolder {
  readonly value: Tensor;
}

/**
 * The record of one forward pass: the entries, in order, in which a watched tensor had a part. An op none of whose
 * inputs depends on a watched tensor leaves no trace, so a locked base runs at the price of inference.
 */
class Tape implements Recorder {
  readonly #entries: { entry: Recorded; needs: boolean[] }[] = [];
  readonly #tracked = new Set<number>();
  readonly #retained: Tensor[] = [];

  watch(t: Tensor): void {
    this.#tracked.add(t.id);
  }

  follows(t: Tensor): boolean {
    return this.#tracked.has(t.id);
  }

  record(entry: Recorded): void {
    const needs = entry.inputs.map((t) => this.#tracked.has(t.id));
    if (!needs.includes(true)) return;
    this.#entries.push({ entry, needs });
    for (const t of entry.outputs) if (t.dtype === 'float32') this.#tracked.add(t.id);
    for (const t of [...entry.inputs, ...entry.outputs]) {
      t.retained++;
      this.#retained.push(t);
    }
  }

  /** Lets go of what it kept for the way back. */
  release(): void {
    for (const t of this.#retained) t.retained--;
  }

  /** Walks back from `y` (seeded with `gy`); returns d(y · gy)/d(source) for each source, null where y does not depend on it. */
  gradients(y: Tensor, gy: Tensor, sources: readonly Tensor[]): (Tensor | null)[] {
    const grads = new Map<number, Tensor>([[y.id, gy]]);
    while (this.#entries.length) {
      const { entry, needs } = this.#entries.pop()!;
      const outs = entry.outputs.map((t) => grads.get(t.id) ?? null);
      const first = outs.find((g) => g !== null);
      if (!first) continue;
      const gyOfFirst = outs[0] ?? zeros(entry.outputs[0]!.shape, { backend: first.backend });
      const found = entry.vjp({
        inputs: entry.inputs,
        y: entry.outputs[0]!,
        outputs: entry.outputs,
        gy: gyOfFirst,
        grads: outs,
        needs,
      });
      entry.inputs.forEach((input, i) => {
        const g = found[i];
        if (!needs[i] || !g) return;
        if (!sameShape(g.shape, input.shape)) {
          throw new GraftError(
            `${entry.name}: its vjp gave ${showShape(g.shape)} as the gradient of input ${i}, ${showShape(input.shape)}`,
          );
        }
        const before = grads.get(input.id);
        grads.set(input.id, before ? add(before, g) : g);
      });
    }
    return sources.map((s) => grads.get(s.id) ?? null);
  }
}

/** Runs `fn` under a fresh tape that watches `sources`, then walks back. */
function differentiate<R>(
  sources: readonly Tensor[],
  fn: () => R,
  outputOf: (r: R) => Tensor,
  seed?: Tensor,
): { result: R; grads: Tensor[] } {
  wantTensors('grad', sources);
  const tape = new Tape();
  for (const s of sources) tape.watch(s);
  const outer = [...activeRecorders()];
  try {
    const result = withRecorders([...outer, tape], fn);
    const y = outputOf(result);
    if (!isTensor(y))
      throw new GraftError(`gradients are of a scalar tensor; this function gave ${typeof y}`);
    if (!seed && y.size !== 1) {
      throw new GraftError(
        `gradients are of a scalar; this function gave ${showShape(y.shape)}: sum() it, or pass gy`,
      );
    }
    const gy = seed ?? ones(y.shape, { backend: y.backend });
    const found = tape.gradients(y, gy, sources);
    return {
      result,
      grads: found.map((g, i) => g ?? zeros(sources[i]!.shape, { backend: sources[i]!.backend })),
    };
  } finally {
    tape.release();
  }
}

/**
 * The value of `fn()` and its gradients with respect to `params`, in their order. `fn` gives a scalar loss, or
 * `{ loss, ...more tensors }`, which comes back as `value`. Everything else that is made on the way is freed.
 * Where the loss does not depend on a parameter the gradient is zeros.
 * @throws GraftError where the loss is not a scalar, ShapeError where a parameter holds no tensor.
 * @example
 * const w = new Parameter(tensor([1, 2]));
 * const { value, grads } = valueAndGrad(() => sum(mul(w.value, w.value)), [w]);
 * value; // → 5
 * grads[0]!; // → [2, 4]
 */
export function valueAndGrad<R extends Tensor | { loss: Tensor }>(
  fn: () => R,
  params: readonly TensorHolder[],
): { value: R; grads: Tensor[] } {
  return composite(() => {
    const tensors = params.map((p) => p.value);
    const { result, grads } = differentiate(tensors, fn, (r): Tensor =>
      isTensor(r) ? r : (r as { loss: Tensor }).loss,
    );
    return { value: result, grads };
  });
}

/**
 * The gradient function of a scalar function of tensors: `grad((x, w) => …)(x, w)` gives `[dx, dw]`, each of its input's
 * shape. Nests: the gradient of a gradient is exact, too.
 * @throws GraftError, when the gradient is asked for, where the function does not give a scalar.
 * @example
 * const cube = (x: Tensor) => sum(pow(x, 3));
 * grad(cube)(tensor([1, 2])); // → [[3, 12]]
 * grad((x) => sum(grad(cube)(x)[0]!))(tensor([1, 2])); // → [[6, 12]]
 */
export function grad(fn: (...inputs: Tensor[]) => Tensor): (...inputs: Tensor[]) => Tensor[] {
  return (...inputs) =>
    composite(
      () =>
        differentiate(
          inputs,
          () => fn(...inputs),
          (y) => y,
        ).grads,
    );
}

/**
 * Vector-Jacobian product: `fn(...inputs)`, and the gradients of `inputs` for `gy`, the gradient of the output.
 * @param gy The same shape as the output.
 * @returns One gradient for each input, of its shape.
 * @throws GraftError where `fn` gives no tensor, ShapeError where an input is none.
 * @example
 * const { value, grads } = vjp((x) => mul(x, x), [tensor([1, 2])], tensor([1, 10]));
 * value; // → [1, 4]
 * grads; // → [[2, 40]]
 */
export function vjp(
  fn: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  gy: Tensor,
): { value: Tensor; grads: Tensor[] } {
  return composite(() => {
    const { result, grads } = differentiate(
      inputs,
      () => fn(...inputs),
      (y) => y,
      gy,
    );
    return { value: result, grads };
  });
}
