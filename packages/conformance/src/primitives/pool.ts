import {
  adaptiveAvgPool,
  adaptiveMaxPool,
  globalAvgPool,
  globalMaxPool,
  transpose,
  type Layout,
  type Tensor,
} from '@graftjs/core';
import { avgPoolGradOp, avgPoolOp, maxPoolGradOp, maxPoolOp } from '@graftjs/core/extend';
import type { Case } from '../cases/case.ts';
import { distinct, f32, specials, values } from '../cases/data.ts';
import {
  activationShape,
  LAYOUTS,
  poolGeometries,
  poolShapes,
  toFirst,
  toLast,
  type PoolGeometry,
} from '../cases/geometry.ts';
import { errorAt } from '../bounds/bounded.ts';
import { contenders, maxError } from '../bounds/choices.ts';
import { grain, rounding } from '../bounds/model.ts';
import { Terms } from '../bounds/terms.ts';
import { firstMax } from '../oracle/choose.ts';
import { poolWindows } from '../oracle/indexing.ts';
import { allocate, fill } from '../oracle/values.ts';
import { ADDITIONS, ONE_ROUNDING, SAME, type About } from './about.ts';

export const pools: About<'maxPool' | 'maxPoolGrad' | 'avgPool' | 'avgPoolGrad'> = {
  maxPool: {
    kernel: (_, [x], attrs, out) => {
      const windows = poolWindows(x.spec.shape, out.shape, attrs, false);
      const best = ({ inputs }: { inputs: number[] }): number | undefined =>
        inputs[firstMax(x.buffer, inputs)];
      return fill(out, (o) => x.buffer[best(windows[o]) ?? -1] ?? -Infinity);
    },
    error: (model, [x], attrs, out, value) => {
      if (x.buffer.error === null) return null;
      const windows = poolWindows(x.spec.shape, out.shape, attrs, false);
      return Float64Array.from(windows, ({ inputs }, o) => maxError(model, x, inputs, value[o]));
    },
    bound: SAME,
  },
  maxPoolGrad: {
    kernel: ({ add }, [x, gy], attrs, out) => {
      const y = allocate(out);
      poolWindows(x.spec.shape, gy.spec.shape, attrs, false).forEach(({ inputs }, o) => {
        const to = inputs[firstMax(x.buffer, inputs)];
        if (to !== undefined) y[to] = add(y[to], gy.buffer[o]);
      });
      return y;
    },
    // n − 1 additions of what the windows give. Where a window's maximum is undecided, each contender may or may not get
    // its gradient, so all of it counts as error.
    error: (model, [x, gy], attrs, _, value) => {
      const terms = new Terms(value.length);
      poolWindows(x.spec.shape, gy.spec.shape, attrs, false).forEach(({ inputs }, o) => {
        const possible = contenders(x, inputs);
        const [size, error] = [Math.abs(gy.buffer.value[o]), errorAt(gy, o)];
        for (const k of possible) terms.add(inputs[k], size, possible.length === 1 ? error : size + error);
      });
      return terms.bounds(model, (o) => Math.max(terms.count[o] - 1, 0), grain(gy.buffer.value));
    },
    bound: ADDITIONS,
  },
  avgPool: {
    kernel: ({ add, div }, [x], attrs, out) => {
      const windows = poolWindows(x.spec.shape, out.shape, attrs, attrs.countIncludePad);
      return fill(out, (o) =>
        div(
          windows[o].inputs.reduce((sum, i) => add(sum, x.buffer[i]), 0),
          windows[o].count,
        ),
      );
    },
    // n − 1 additions, then the division's rounding.
    error: (model, [x], attrs, out, value) => {
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
    },
    bound: `${ADDITIONS}, ${ONE_ROUNDING}`,
  },
  avgPoolGrad: {
    kernel: ({ add, div }, [gy], attrs, out) => {
      const y = allocate(out);
      poolWindows(out.shape, gy.spec.shape, attrs, attrs.countIncludePad).forEach(({ inputs, count }, o) => {
        for (const i of inputs) y[i] = add(y[i], div(gy.buffer[o], count));
      });
      return y;
    },
    // Each term is a quotient and rounded once; then n − 1 additions.
    error: (model, [gy], attrs, out, value) => {
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
    },
    bound: `${ADDITIONS}, ${ONE_ROUNDING}`,
  },
};

const family = 'pool';

/** Both pools of a geometry, and their gradients called forward. */
export function poolCasesOf(g: PoolGeometry, layout: Layout): Case[] {
  const { x, y, attrs } = poolShapes(g, layout);
  const rank = g.kernel.length;
  const about = (op: string, more = ''): Pick<Case, 'name' | 'op' | 'family' | 'layout' | 'rank'> => ({
    name: `${op} ${rank}-D ${layout}, ${g.what}${more}`,
    op,
    family,
    layout,
    rank,
  });
  const averages = [true, false].flatMap((countIncludePad): Case[] => {
    const more = countIncludePad ? '' : ', padding not counted';
    return [
      {
        ...about('avgPool', more),
        inputs: [f32(x)],
        run: (a) => avgPoolOp.apply([a], { ...attrs, countIncludePad }),
        exact: false,
      },
      {
        ...about('avgPoolGrad', more),
        inputs: [f32(y)],
        run: (a) => avgPoolGradOp.apply([a], { ...attrs, countIncludePad, inputSize: g.input }),
        exact: false,
      },
    ];
  });
  return [
    { ...about('maxPool'), inputs: [f32(x, distinct)], run: (a) => maxPoolOp.apply([a], attrs) },
    {
      ...about('maxPoolGrad'),
      inputs: [f32(x, distinct), f32(y)],
      run: (a, b) => maxPoolGradOp.apply([a, b], attrs),
    },
    // Where no padding makes a difference, the two ways of counting are one.
    ...(g.padding.some(([lo, hi]) => lo + hi > 0) || g.ceilMode ? averages : averages.slice(0, 2)),
  ];
}

/** Each pool in channels-last beside itself in channels-first: they must be the same bits. */
export function poolLayoutLaws(g: PoolGeometry): Case[] {
  const rank = g.kernel.length;
  const { x, y, attrs } = poolShapes(g, 'channels-first');
  const last = { ...attrs, layout: 'channels-last' as const };
  const both = (run: (a: typeof attrs, ...inputs: Tensor[]) => Tensor): Case['run'] => {
    return (...inputs) => [
      run(attrs, ...inputs),
      transpose(run(last, ...inputs.map((t) => transpose(t, toLast(rank)))), toFirst(rank)),
    ];
  };
  const more = { countIncludePad: true, inputSize: g.input };
  const law = (op: string, inputs: Case['inputs'], run: Case['run']): Case => ({
    name: `${op} ${rank}-D in both layouts, ${g.what}`,
    op,
    family,
    rank,
    inputs,
    run,
    law: true,
  });
  return [
    law(
      'maxPool',
      [f32(x, distinct)],
      both((a, t) => maxPoolOp.apply([t], a)),
    ),
    law(
      'maxPoolGrad',
      [f32(x, distinct), f32(y)],
      both((a, t, gy) => maxPoolGradOp.apply([t, gy], a)),
    ),
    law(
      'avgPool',
      [f32(x)],
      both((a, t) => avgPoolOp.apply([t], { ...a, ...more })),
    ),
    law(
      'avgPoolGrad',
      [f32(y)],
      both((a, t) => avgPoolGradOp.apply([t], { ...a, ...more })),
    ),
  ];
}

const ties: PoolGeometry = {
  what: 'ties',
  batch: 1,
  channels: 2,
  input: [5, 17],
  kernel: [3, 3],
  stride: [1, 2],
  dilation: [1, 1],
  padding: [
    [1, 1],
    [1, 1],
  ],
  ceilMode: false,
};

const special: Case[] = LAYOUTS.flatMap((layout) => {
  const { x, y, attrs } = poolShapes(ties, layout);
  const about = { family, layout, rank: 2 } as const;
  const maxGrad: Case['run'] = (a, b) => maxPoolGradOp.apply([a, b], attrs);
  return [
    {
      ...about,
      name: `maxPoolGrad gives ties to the first, ${layout}`,
      op: 'maxPoolGrad',
      inputs: [f32(x, values(0, 1, 1, 0, 1, 0, 0)), f32(y)],
      run: maxGrad,
      gradients: [1],
    },
    {
      ...about,
      name: `maxPool with NaN and infinities, ${layout}`,
      op: 'maxPool',
      inputs: [f32(x, specials)],
      run: (a) => maxPoolOp.apply([a], attrs),
      special: true,
    },
    {
      ...about,
      name: `maxPool of negative numbers: padding never wins, ${layout}`,
      op: 'maxPool',
      inputs: [f32(x, values(-3, -2, -5, -7, -1.5))],
      run: (a) => maxPoolOp.apply([a], attrs),
      gradients: [],
    },
    {
      ...about,
      name: `maxPoolGrad goes to the first NaN, ${layout}`,
      op: 'maxPoolGrad',
      inputs: [f32(x, values(0, 1, NaN, 2, NaN, -1, Infinity)), f32(y)],
      run: maxGrad,
      special: true,
    },
  ] satisfies Case[];
});

const composites: Case[] = LAYOUTS.flatMap((layout) => {
  const x = activationShape(2, 3, [7, 5], layout);
  const about = (op: string): Pick<Case, 'name' | 'op' | 'family' | 'layout' | 'rank'> => ({
    name: `${op} 2-D ${layout}`,
    op,
    family: 'composite',
    layout,
    rank: 2,
  });
  return [
    { ...about('globalAvgPool'), inputs: [f32(x)], run: (t) => globalAvgPool(t, { layout }), exact: false },
    { ...about('globalMaxPool'), inputs: [f32(x, distinct)], run: (t) => globalMaxPool(t, { layout }) },
    {
      ...about('adaptiveAvgPool'),
      inputs: [f32(x)],
      run: (t) => adaptiveAvgPool(t, [3, 4], { layout }),
      exact: false,
    },
    {
      ...about('adaptiveMaxPool'),
      inputs: [f32(x, distinct)],
      run: (t) => adaptiveMaxPool(t, [3, 4], { layout }),
    },
  ];
});

export const poolCases: readonly Case[] = [
  ...poolGeometries.flatMap((g) => LAYOUTS.flatMap((layout) => poolCasesOf(g, layout))),
  ...special,
  ...composites,
];

export const poolLaws: readonly Case[] = poolGeometries.flatMap(poolLayoutLaws);
