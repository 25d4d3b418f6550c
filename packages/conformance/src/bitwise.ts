import type { Backend, TensorSpec, TypedArray } from '@graftjs/core';
import type { Case } from './cases/index.ts';
import type { Outcome } from './check.ts';
import { sameBits, type Comparison } from './compare.ts';
import { differentiable, evaluate } from './evaluate.ts';

interface Bits {
  readonly data: TypedArray;
  readonly spec: TensorSpec;
}
/** By the names of the results. */
type Results = ReadonlyMap<string, Bits>;

/** The bits that a backend gives for outputs and gradients of cases, kept when they are first asked for. */
export class RecordedBits {
  readonly #backend: Backend;
  readonly #known = new Map<Case, Promise<Results>>();

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  of(c: Case): Promise<Results> {
    let bits = this.#known.get(c);
    if (!bits) this.#known.set(c, (bits = bitsOf(c, this.#backend)));
    return bits;
  }
}

async function bitsOf(c: Case, backend: Backend): Promise<Results> {
  const bits = new Map<string, Bits>();
  for (const what of differentiable(c) ? (['outputs', 'gradients'] as const) : (['outputs'] as const)) {
    const results = evaluate(c, backend, 'real', what);
    for (const [name, y] of results) {
      const { dtype, shape } = y;
      bits.set(name, { data: await y.data(), spec: { dtype, shape } });
    }
    for (const t of results.values()) t.dispose();
  }
  return bits;
}

/** Outputs and gradients of cases on a backend: every bit as on the recorded one? */
export async function bitwise(
  recorded: RecordedBits,
  backend: Backend,
  cases: readonly Case[],
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const c of cases) {
    let worst: Comparison = { share: 0, problem: null };
    const [want, got] = [await recorded.of(c), await bitsOf(c, backend)];
    for (const [name, { data, spec }] of want) {
      const comparison = sameBits(got.get(name)?.data ?? [], data, spec);
      if (comparison.problem !== null) worst = { ...comparison, problem: `${name}: ${comparison.problem}` };
    }
    const status = worst.problem === null ? 'passed' : 'failed';
    outcomes.push({ case: c, mode: 'bits', status, share: worst.share, message: worst.problem ?? '' });
  }
  return outcomes;
}
