import type { Backend, TensorSpec } from '@graftjs/core';
import type { ConvAttrs, OpAttrs, OpName, PoolAttrs } from '@graftjs/core/backend';
import { describe, expect, test } from 'vitest';
import { exact } from '../src/oracle/arithmetic.ts';
import { createContract } from '../src/oracle/backend.ts';
import type { Values } from '../src/oracle/values.ts';
import { referenceKernels } from '../src/primitives/index.ts';
import { productsOf } from '../src/oracle/products.ts';
import { activation } from '../src/oracle/indexing.ts';
import {
  cases,
  checkAll,
  intercept,
  subjectOf,
  type Call,
  type Case,
  type Mode,
  type Target,
} from '../src/index.ts';

// Broken backends: the suite must notice each, or it would let real bugs pass.

type Next = (call: Call<Values>) => Values;
interface Mutation {
  readonly what: string;
  readonly op: OpName;
  /** Modes that must notice. Bits alone: everything else is right to let it pass. */
  readonly modes?: readonly Mode[];
  readonly run: (call: Call<Values>, next: Next) => Values;
}

/** The call with other attributes. The reference kernels take any, whatever output they lead to. */
function withAttrs<N extends OpName>(change: (attrs: OpAttrs[N]) => OpAttrs[N]): Mutation['run'] {
  return (call, next) => next({ ...call, attrs: change(call.attrs as OpAttrs[N]) });
}
/** The call with other values of its first input. */
const withInput =
  (change: (x: Values, call: Call<Values>) => Values): Mutation['run'] =>
  (call, next) => {
    const [x, ...rest] = call.inputs;
    return next({ ...call, inputs: [{ ...x!, buffer: change(x!.buffer.slice(), call) }, ...rest] });
  };
/** The call's result, changed. */
const withOutput =
  (change: (y: Values, call: Call<Values>) => Values): Mutation['run'] =>
  (call, next) =>
    change(next(call).slice(), call);

const reversed = (list: readonly number[]): number[] => [...list].reverse();
const kernelsInFloat64 = referenceKernels(exact);

const mutations: readonly Mutation[] = [
  {
    what: 'padding is off by one',
    op: 'conv',
    run: withAttrs<'conv'>((a) => ({ ...a, padding: a.padding.map(([lo, hi]) => [lo + 1, hi]) })),
  },
  {
    what: 'the strides of the axes are swapped',
    op: 'conv',
    run: withAttrs<'conv'>((a) => ({ ...a, stride: reversed(a.stride) })),
  },
  {
    what: 'the input gradient ignores dilation',
    op: 'convInputGrad',
    run: withAttrs<'convInputGrad'>((a) => ({ ...a, dilation: a.dilation.map(() => 1) })),
  },
  {
    what: 'the last group is missing',
    op: 'conv',
    run: withOutput((y, { attrs, output }) => {
      const { groups, layout } = attrs as ConvAttrs;
      const { samples, channels, spatial, at } = activation(output.shape, layout);
      const positions = spatial.reduce((n, d) => n * d, 1);
      if (groups === 1) return y;
      for (let n = 0; n < samples; n++)
        for (let c = channels - channels / groups; c < channels; c++)
          for (let p = 0; p < positions; p++) y[at(n, c, p)] = 0;
      return y;
    }),
  },
  {
    what: 'the last input channel is dropped',
    op: 'conv',
    run: withInput((x, { inputs, attrs }) => {
      const { samples, channels, spatial, at } = activation(
        inputs[0]!.spec.shape,
        (attrs as ConvAttrs).layout,
      );
      const positions = spatial.reduce((n, d) => n * d, 1);
      for (let n = 0; n < samples; n++) for (let p = 0; p < positions; p++) x[at(n, channels - 1, p)] = 0;
      return x;
    }),
  },
  {
    what: 'the weight gradient is transposed in its channels',
    op: 'convWeightGrad',
    run: withOutput((y, { output }) => {
      const [o, i, ...kernel] = output.shape as [number, number, ...number[]];
      const taps = kernel.reduce((n, d) => n * d, 1);
      return y.map((_, k) => {
        const [a, b, tap] = [Math.floor(k / (i * taps)), Math.floor(k / taps) % i, k % taps];
        return y[(b * o + a) * taps + tap] ?? 0;
      }) as Values;
    }),
  },
  {
    what: 'one product of one element is left out',
    op: 'convWeightGrad',
    run: withOutput((y, { inputs, attrs, output }) => {
      const shapes = inputs.map((t) => t.spec.shape);
      const part = productsOf.convWeightGrad(shapes, attrs as OpAttrs['convWeightGrad'], output.shape)[0];
      if (part?.y.length) y[part.y[0]!]! -= inputs[0]!.buffer[part.a[0]!]! * inputs[1]!.buffer[part.b[0]!]!;
      return y;
    }),
  },
  {
    what: 'the last of equal maxima gets the gradient',
    op: 'maxPoolGrad',
    // The later of two equals becomes the larger.
    run: withInput((x) => x.map((v, i) => v + i * 1e-9)),
  },
  {
    what: 'padding can win',
    op: 'maxPool',
    run: withOutput((y) => y.map((v) => Math.max(v, 0))),
  },
  {
    what: 'padding always counts',
    op: 'avgPool',
    run: withAttrs<'avgPool'>((a) => ({ ...a, countIncludePad: true })),
  },
  {
    what: 'rounding up is ignored in the strides',
    op: 'avgPoolGrad',
    run: withAttrs<'avgPoolGrad'>((a) => ({ ...a, stride: a.ceilMode ? a.kernel : a.stride }) as typeof a),
  },
  {
    what: 'layouts are mixed up',
    op: 'maxPool',
    run: withInput((x, { inputs, attrs }) => {
      const { shape } = inputs[0]!.spec as TensorSpec;
      const [from, to] = (['channels-first', 'channels-last'] as const).map((l) => activation(shape, l));
      if ((attrs as PoolAttrs).layout === 'channels-first') return x;
      return x.map((_, i) => x[(i * from!.channels + to!.channels) % x.length]!) as Values;
    }),
  },
  {
    what: 'the tail after the last full vector is lost',
    op: 'reduce',
    run: withInput((x, { attrs }) =>
      (attrs as OpAttrs['reduce']).kind === 'sum' ? x.fill(0, x.length - (x.length % 4)) : x,
    ),
  },
  {
    what: 'the last index is repeated',
    op: 'gather',
    run: (call, next) => {
      const [x, at] = call.inputs;
      const moved = at!.buffer.map((_, i) => at!.buffer[Math.min(i, at!.buffer.length - 2)] ?? 0) as Values;
      return next({ ...call, inputs: [x!, { ...at!, buffer: moved }] });
    },
  },
  {
    what: 'exp is a fast one, good to 2⁻²⁰',
    op: 'unary',
    run: withOutput((y, { attrs }) =>
      (attrs as OpAttrs['unary']).kind === 'exp' ? y.map((v) => v * (1 + 2 ** -20)) : y,
    ),
  },
  {
    what: 'relu turns NaN into 0',
    op: 'unary',
    run: withOutput((y, { attrs }) =>
      (attrs as OpAttrs['unary']).kind === 'relu' ? y.map((v) => v || 0) : y,
    ),
  },
  {
    what: 'halves are rounded up',
    op: 'unary',
    run: (call, next) =>
      (call.attrs as OpAttrs['unary']).kind === 'round' ? call.inputs[0]!.buffer.map(Math.round) : next(call),
  },
  {
    what: 'products are kept in float16',
    op: 'matmul',
    run: withInput((x) => x.map((v) => Math.fround(v * 8193) - Math.fround(v * 8192))),
  },
  {
    what: 'the sums are not rounded between, as fused operations do',
    op: 'conv',
    modes: ['bits'],
    run: ({ inputs: [x, w], attrs, output }) =>
      kernelsInFloat64.conv([x!, w!], attrs as ConvAttrs, output).map(Math.fround),
  },
];

async function noticed(
  backend: Backend,
  op: OpName,
  modes?: readonly Mode[],
): Promise<{ mode: Mode; message: string }[]> {
  const target: Target = { name: 'broken', create: async () => backend, bitExact: modes !== undefined };
  // The large cases and, for convolutions, the other layout would show the same again.
  const redundant = (c: Case): boolean =>
    /large|stem|even/.test(c.name) || (c.family === 'conv' && c.layout === 'channels-last');
  const list = cases.filter((c) => c.op.split(' ')[0] === op && !redundant(c));
  const outcomes = await checkAll(subjectOf(target, backend), list);
  return outcomes.filter(({ status }) => status === 'failed');
}

describe('the suite notices when', () => {
  test.each(mutations.map((m) => [`${m.op}: ${m.what}`, m] as const))('%s', async (_, { op, run, modes }) => {
    const broken = intercept(createContract(), (call, next) =>
      call.op === op ? run(call, next) : next(call),
    );
    const failures = await noticed(broken, op, modes);
    expect(failures.length).toBeGreaterThan(0);
    // Wrong numbers, found as such: not a crash of the mutation.
    for (const { message } of failures) expect(message).toMatch(/it is|other bits/);
    if (modes) expect([...new Set(failures.map(({ mode }) => mode))]).toEqual(modes);
  });

  test('a tensor is leaked', async () => {
    const kept: unknown[] = [];
    const backend = createContract();
    const leaking = cases.find(({ op }) => op === 'select')!;
    const subject = subjectOf({ name: 'leaking', create: async () => backend }, backend);
    const outcomes = await checkAll(subject, [
      { ...leaking, run: (...x) => [leaking.run(...x), x[1]!].flat().map((t) => (kept.push(t), t.keep())) },
    ]);
    expect(outcomes.some(({ message }) => message.includes('not freed'))).toBe(true);
  });

  test('nothing is broken: it reports nothing', async () => {
    expect(await noticed(createContract(), 'conv', ['bits'])).toEqual([]);
  });
});
