import type { Backend } from '@graftjs/core';
import { cases as everything, type Case } from './cases/index.ts';
import { sameBits, type Comparison } from './compare.ts';
import { differentiable, evaluate } from './evaluate.ts';
import type { Outcome } from './check.ts';

/** Outputs and gradients of cases on two backends: every bit the same? */
export async function bitwise(
  a: Backend,
  b: Backend,
  cases: readonly Case[] = everything,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const c of cases) {
    let worst: Comparison = { share: 0, problem: null };
    for (const what of differentiable(c) ? (['outputs', 'gradients'] as const) : (['outputs'] as const)) {
      const [got, want] = [evaluate(c, a, 'real', what), evaluate(c, b, 'real', what)];
      for (const [name, y] of got) {
        const comparison = sameBits(await y.data(), await want.get(name)!.data(), y);
        if (comparison.problem !== null) worst = { ...comparison, problem: `${name}: ${comparison.problem}` };
      }
      for (const t of [...got.values(), ...want.values()]) t.dispose();
    }
    const status = worst.problem === null ? 'passed' : 'failed';
    outcomes.push({ case: c, mode: 'bits', status, share: worst.share, message: worst.problem ?? '' });
  }
  return outcomes;
}
