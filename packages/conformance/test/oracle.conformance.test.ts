import { type OpName } from '@graftjs/core/backend';
import { primitives } from '@graftjs/core/extend';
import { describe, expect, test } from 'vitest';
import { sourcesOf } from '../src/cases/case.ts';
import { withinBound } from '../src/compare.ts';
import { unaryKinds } from '../src/primitives/unary.ts';
import { evaluate } from '../src/evaluate.ts';
import {
  cases,
  checkGradient,
  createErrorBoundBackend,
  createOracle,
  intercept,
  oracleModel,
  torchCases,
} from '../src/index.ts';

const smooth = cases.filter((c) => !c.law && sourcesOf(c).length > 0);

describe('every gradient is what finite differences say', () => {
  test.each(smooth.map((c) => [c.name, c] as const))('%s', (_, c) => {
    const { passed, message } = checkGradient(c, 1);
    expect(passed, message).toBe(true);
  });
});

describe('every gradient of a gradient is what finite differences say', () => {
  // The derivatives of channels-last are those of channels-first, with another attribute.
  const list = smooth.filter((c) => c.layout !== 'channels-last');
  test.each(list.map((c) => [c.name, c] as const))('%s', (_, c) => {
    const { passed, message } = checkGradient(c, 2);
    expect(passed, message).toBe(true);
  });
});

describe("the oracle gives PyTorch's values", () => {
  // PyTorch rounds like the oracle does, only elsewhere: so each has the bound of float64. Two things more:
  const more = new Map<string, (y: number) => number>([
    // 1/6 is a float32 constant in PyTorch's gradient.
    ["PyTorch's hardsigmoid", (y) => 2 ** -24 * Math.abs(y)],
    // The host computes positions in float64, and (i + ½)·n/m − ½ ≤ 8 loses 3 bits: 2⁻⁵⁰ in each of four weights, |x| < 4.
    ["PyTorch's interpolate_bilinear", () => 2 ** -46],
  ]);
  const bounds = createErrorBoundBackend(oracleModel);
  test.each(torchCases.map((c) => [c.name, c] as const))('%s', (_, c) => {
    const got = evaluate(c, createOracle(), 'real', 'outputs');
    const bounded = evaluate(c, bounds, 'real', 'outputs');
    expect(got.size).toBe(c.wanted.length);
    [...got.values()].forEach((y, i) => {
      const { name, tensor } = c.wanted[i]!;
      const { error } = bounds.bounded(bounded.get(`output ${i}`)!);
      const value = Float64Array.from(tensor.data);
      const allowed = value.map((v, k) => 2 * (error?.[k] ?? 0) + (more.get(c.op)?.(v) ?? 0));
      const wanted = { value, error: allowed };
      const { problem } = withinBound(y.dataSync(), wanted, y, { signedZero: false });
      expect(problem, name).toBeNull();
    });
  });
});

test('every primitive, kind, layout and rank has a case', () => {
  const seen = new Set<string>();
  const kinds = new Map<OpName, Set<string>>();
  const recorder = intercept(createOracle(), (call, next) => {
    const { kind, layout, stride } = call.attrs as { kind?: string; layout?: string; stride?: number[] };
    seen.add([call.op, layout && `${layout} ${stride!.length}-D`].filter(Boolean).join(' '));
    kinds.set(call.op, (kinds.get(call.op) ?? new Set()).add(kind ?? ''));
    return next(call);
  });
  for (const c of cases) evaluate(c, recorder, 'real', 'outputs');
  const spatial = [
    'conv',
    'convInputGrad',
    'convWeightGrad',
    'maxPool',
    'maxPoolGrad',
    'avgPool',
    'avgPoolGrad',
  ];
  const wanted = Object.keys(primitives).flatMap((op) =>
    spatial.includes(op)
      ? ['channels-first', 'channels-last'].flatMap((l) => [1, 2, 3].map((r) => `${op} ${l} ${r}-D`))
      : [op],
  );
  expect([...seen].sort()).toEqual(wanted.sort());
  expect([kinds.get('unary')?.size, kinds.get('binary')?.size, kinds.get('compare')?.size]).toEqual([
    Object.keys(unaryKinds).length,
    7,
    6,
  ]);
  expect(kinds.get('reduce')?.size).toBe(3);
});

test('names are unique: data are drawn by name', () => {
  const names = cases.map((c) => c.name);
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
});
