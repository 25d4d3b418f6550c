import type { FusedAttrs, FusedKernel, FusedKernels, FusedName, FusedOutputs } from '@graftjs/core/backend';
import { describe, expect, test } from 'vitest';
import {
  cases,
  check,
  checkAll,
  createContract,
  decomposedKernels,
  fusedBy,
  subjectOf,
  withFused,
  type Outcome,
} from '../src/index.ts';
import type { Values } from '../src/oracle/values.ts';
import { evaluate } from '../src/evaluate.ts';

// The suite against doubles: kernels that run the decompositions, and such with one spoiled.

const contract = createContract();
const kernels = decomposedKernels(contract);
const users = cases.filter((c) => ['fused', 'composite', 'training'].includes(c.family));

async function failures(fused: Partial<FusedKernels<Values>>, names: RegExp): Promise<Outcome[]> {
  const backend = withFused(contract, fused);
  const target = { name: 'double', create: async () => backend, bitExact: true };
  const list = users.filter((c) => names.test(c.op));
  const subject = subjectOf(target, backend);
  const outcomes: Outcome[] = [];
  for (const c of list) outcomes.push(await check(c, 'fused', subject));
  return outcomes.filter(({ status }) => status === 'failed');
}

describe('kernels that are right', () => {
  test('pass in all modes', async () => {
    const backend = withFused(contract, kernels);
    const subject = subjectOf({ name: 'double', create: async () => backend, bitExact: true }, backend);
    const some = users.filter((_, i) => i % 5 === 0);
    const failed = (await checkAll(subject, some)).filter(({ status }) => status === 'failed');
    expect(failed.map(({ case: c, mode, message }) => `${mode} of ${c.name}: ${message}`)).toEqual([]);
  });

  test('are all run, in both layouts', () => {
    const seen = new Set<string>();
    const counted = Object.fromEntries(
      fusedBy(withFused(contract, kernels)).map((name) => [
        name,
        ((inputs, attrs, outputs) => {
          const { layout } = attrs as { layout?: string };
          seen.add([name, layout].filter(Boolean).join(' '));
          return (kernels[name] as FusedKernel<FusedName, Values>)(inputs, attrs, outputs);
        }) satisfies FusedKernel<FusedName, Values>,
      ]),
    );
    for (const c of users) {
      for (const t of evaluate(c, withFused(contract, counted), 'real', 'outputs').values()) t.dispose();
    }
    const both = ['convAffine', 'batchNorm', 'batchNormGrad'];
    const wanted = Object.keys(kernels).flatMap((name) =>
      both.includes(name) ? [`${name} channels-first`, `${name} channels-last`] : [name],
    );
    expect([...seen].sort()).toEqual(wanted.sort());
  });
});

type Change<N extends FusedName> = (
  run: FusedKernel<N, Values>,
  ...call: Parameters<FusedKernel<N, Values>>
) => FusedOutputs<Values>[N];
const spoiled = <N extends FusedName>(
  name: N,
  what: string,
  change: Change<N>,
): readonly [string, FusedName, Partial<FusedKernels<Values>>] => {
  const kernel: FusedKernel<N, Values> = (...call) =>
    change(kernels[name] as FusedKernel<N, Values>, ...call);
  return [`${name}: ${what}`, name, { [name]: kernel }];
};
/** The same with other attributes. */
const withAttrs =
  <N extends FusedName>(other: (attrs: FusedAttrs[N]) => FusedAttrs[N]): Change<N> =>
  (run, inputs, attrs, outputs) =>
    run(inputs, other(attrs), outputs);
/** The same with input i replaced. */
const withInput =
  <N extends FusedName>(i: number, other: (x: Values) => Values): Change<N> =>
  (run, inputs, attrs, outputs) =>
    run(
      inputs.map((x, k) => (k === i && x ? { ...x, buffer: other(x.buffer) } : x)) as never,
      attrs,
      outputs,
    );

const mutations = [
  spoiled(
    'convAffine',
    'the activation is forgotten',
    withAttrs((a) => ({ ...a, activation: 'none' })),
  ),
  spoiled('convAffine', 'relu6 is relu', withAttrs((a) => ({ ...a, activation: a.activation === 'relu6' ? 'relu' : a.activation }))), // prettier-ignore
  spoiled('convAffine', 'scale and shift make one rounding', (run, inputs, attrs, outputs) => {
    const [x, w, scale, shift] = inputs;
    if (!scale || !shift || attrs.activation !== 'none') return run(inputs, attrs, outputs);
    const c = shift.buffer.length;
    const [y] = run([x, w, null, null], attrs, outputs);
    const inner = attrs.layout === 'channels-last' ? 1 : y.length / (outputs[0].shape[0]! * c);
    return [
      y.map((v, i) => {
        const at = Math.floor(i / inner) % c;
        return Math.fround(v * scale.buffer[at]! + shift.buffer[at]!);
      }),
    ];
  }),
  spoiled(
    'batchNorm',
    'eps is lost',
    withAttrs((a) => ({ ...a, eps: 0 })),
  ),
  spoiled('batchNorm', 'the variance is unbiased', (run, inputs, attrs, outputs) => {
    const [y, mean, variance] = run(inputs, attrs, outputs);
    const n = y.length / Math.max(mean.length, 1);
    return [y, mean, variance.map((v) => Math.fround((v * n) / (n - 1)))];
  }),
  spoiled('batchNormGrad', 'the weight is ignored', (run, [x, gy, mean, variance], attrs, outputs) =>
    run([x, gy, mean, variance, null], attrs, outputs),
  ),
  spoiled('batchNormGrad', 'gx is a bit off', (run, inputs, attrs, outputs) => {
    const [gx, ...rest] = run(inputs, attrs, outputs);
    return [gx.map((v) => Math.fround(v * (1 + 2 ** -23))), ...rest];
  }),
  spoiled('softmaxCrossEntropy', 'the target is shifted by an element', withInput(1, (t) => t.map((_, i) => t[i - 1] ?? 0))), // prettier-ignore
  spoiled('softmaxCrossEntropyGrad', 'the targets are taken to sum to 1', (run, inputs, attrs, outputs) => {
    const [logp, t, g] = inputs;
    const sums = t.buffer.map(() => 1 / Math.max(t.spec.shape[1]!, 1));
    return run([logp, { ...t, buffer: sums }, g], attrs, outputs);
  }),
  spoiled(
    'sgd',
    'no look ahead',
    withAttrs((a) => ({ ...a, nesterov: false })),
  ),
  spoiled('sgd', 'the first buffer is damped', (run, inputs, attrs, outputs) => {
    const [p, g, buffer] = inputs;
    if (buffer || attrs.momentum === 0) return run(inputs, attrs, outputs);
    return run([p, g, { ...g, buffer: g.buffer.map(() => 0) }], attrs, outputs);
  }),
  spoiled('adam', 'the decay is decoupled', withAttrs((a) => ({ ...a, weightDecay: 0, shrink: a.shrink - a.weightDecay }))), // prettier-ignore
  spoiled('adam', 'the moments are swapped', (run, [p, g, m, v], attrs, outputs) =>
    run([p, g, v ?? null, m ?? null], attrs, outputs),
  ),
];

describe('the suite notices when', () => {
  test.each(mutations)('%s', async (_, name, fused) => {
    const failed = await failures({ ...kernels, ...fused }, new RegExp(`^${name}$`));
    expect(failed.length).toBeGreaterThan(0);
    for (const { message } of failed) expect(message).toMatch(/other bits/);
  });
});
