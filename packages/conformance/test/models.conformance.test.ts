import { describe, expect, test } from 'vitest';
import { exact } from '../src/oracle/arithmetic.ts';
import type { Arithmetic } from '../src/oracle/values.ts';
import { createReference } from '../src/oracle/backend.ts';
import {
  cases,
  check,
  measure,
  modesOf,
  subjectOf,
  type ErrorModel,
  type Outcome,
  type Target,
} from '../src/index.ts';

// Graphics processors need not round to nearest, and may flush subnormal numbers to zero: a backend like that, and the
// model that says so.

/** Towards zero, then flushed. */
function truncate(x: number): number {
  const y = Math.fround(x);
  if (!Number.isFinite(y)) return y;
  const toward = Math.abs(y) > Math.abs(x) ? y - Math.sign(y) * ulpBelow(y) : y;
  return Math.abs(toward) < 2 ** -126 ? toward * 0 : toward;
}
/** Distance of a float32 to its neighbour towards zero. */
function ulpBelow(y: number): number {
  const a = Math.abs(y);
  const exponent = Math.floor(Math.log2(a));
  return 2 ** Math.max((a === 2 ** exponent ? exponent - 1 : exponent) - 23, -149);
}

const truncating =
  <A extends readonly number[]>(f: (...x: A) => number) =>
  (...x: A): number =>
    truncate(f(...x));
const mapped = <K extends string, F extends (...x: never[]) => number>(
  all: Readonly<Record<K, F>>,
): Record<K, F> =>
  Object.fromEntries(
    Object.entries<F>(all).map(([kind, f]) => [kind, truncating(f as unknown as (...x: number[]) => number)]),
  ) as unknown as Record<K, F>;

const coarse: Arithmetic = {
  name: 'coarse',
  number: (x) => (Math.abs(Math.fround(x)) < 2 ** -126 ? x * 0 : Math.fround(x)),
  add: truncating(exact.add),
  mul: truncating(exact.mul),
  div: truncating(exact.div),
  addProducts(to, a, b, { a: i, b: j, y }) {
    y.forEach((o, k) => (to[o] = coarse.add(to[o]!, coarse.mul(a[i[k]!]!, b[j[k]!]!))));
  },
  unary: mapped(exact.unary),
  binary: mapped(exact.binary),
};

const one = {
  exp: 1,
  expm1: 1,
  log: 1,
  log1p: 1,
  tanh: 1,
  erf: 1,
  sigmoid: 1,
  sqrt: 1,
  rsqrt: 1,
  reciprocal: 1,
};
const model: Partial<ErrorModel> = {
  ...{ arithmetic: 1, division: 1, pow: 1, unary: one },
  order: 'any',
  smallest: 2 ** -126,
};

async function failures(model: Partial<ErrorModel>, family: string): Promise<Outcome[]> {
  const backend = createReference(coarse);
  const target: Target = { name: 'coarse', create: async () => backend, model, signedZero: false };
  const subject = subjectOf(target, backend);
  const list = cases.filter((c) => c.family === family && !/large|stem|even/.test(c.name));
  const outcomes: Outcome[] = [];
  for (const c of list) for (const mode of modesOf(c, target)) outcomes.push(await check(c, mode, subject));
  return outcomes.filter(({ status }) => status === 'failed');
}

describe('a backend that truncates and flushes', () => {
  const families = ['elementwise', 'reduce', 'matmul', 'conv', 'pool', 'composite', 'training'];
  test.each(families)('is within the bounds of its model: %s', async (family) => {
    expect((await failures(model, family)).map((o) => `${o.mode} of ${o.case.name}: ${o.message}`)).toEqual(
      [],
    );
  });

  test('is not within those of rounding to nearest', async () => {
    expect((await failures({}, 'elementwise')).length).toBeGreaterThan(0);
    expect((await failures({ ...model, smallest: 2 ** -149 }, 'elementwise')).length).toBeGreaterThan(0);
  });
});

test('perf counts operations and time', async () => {
  const c = cases.find(({ name }) => name === 'matmul [5,9] × [9,17]')!;
  const { flops, milliseconds, gflopsPerSecond, runs } = await measure(c, createReference(exact), {
    seconds: 0,
  });
  expect(flops).toBe(2 * 5 * 9 * 17);
  expect(runs).toBeGreaterThanOrEqual(3);
  expect(gflopsPerSecond).toBeCloseTo(flops / milliseconds / 1e6, 12);
});
