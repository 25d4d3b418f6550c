import { convTranspose, transpose, type ConvTransposeOptions, type Layout, type Shape } from '@graftjs/core';
import { convBias, convInputGradOp, convOp, convWeightGradOp } from '@graftjs/core/extend';
import type { Case } from '../cases/case.ts';
import { f32, nonfinite, real } from '../cases/data.ts';
import {
  activationShape,
  convGeometries,
  convShapes,
  LAYOUTS,
  toFirst,
  toLast,
  type ConvGeometry,
} from '../cases/geometry.ts';
import { bilinear } from './bilinear.ts';
import type { About } from './about.ts';

export const convolution: About<'conv' | 'convInputGrad' | 'convWeightGrad'> = {
  conv: bilinear('conv'),
  convInputGrad: bilinear('convInputGrad'),
  convWeightGrad: bilinear('convWeightGrad'),
};

const family = 'conv';

/** The convolution of a geometry, and its two gradients called forward. */
export function convCasesOf(g: ConvGeometry, layout: Layout): Case[] {
  const { x, w, y, attrs } = convShapes(g, layout);
  const rank = g.kernel.length;
  const about = (op: string): Pick<Case, 'name' | 'op' | 'family' | 'layout' | 'rank'> => ({
    name: `${op} ${rank}-D ${layout}, ${g.what}`,
    op,
    family,
    layout,
    rank,
  });
  return [
    { ...about('conv'), inputs: [f32(x), f32(w)], run: (a, b) => convOp.apply([a, b], attrs) },
    {
      ...about('convInputGrad'),
      inputs: [f32(y), f32(w)],
      run: (a, b) => convInputGradOp.apply([a, b], { ...attrs, inputSize: g.input }),
    },
    {
      ...about('convWeightGrad'),
      inputs: [f32(x), f32(y)],
      run: (a, b) => convWeightGradOp.apply([a, b], { ...attrs, kernelSize: g.kernel }),
    },
  ];
}

/** Each op in channels-last, on transposed operands, beside itself in channels-first: they must be the same bits. */
export function convLayoutLaws(g: ConvGeometry): Case[] {
  const rank = g.kernel.length;
  const { x, w, y, attrs } = convShapes(g, 'channels-first');
  const last = { ...attrs, layout: 'channels-last' as const };
  const [input, kernel] = [{ inputSize: g.input }, { kernelSize: g.kernel }];
  const about = (op: string): Pick<Case, 'name' | 'op' | 'family' | 'rank' | 'law'> => ({
    name: `${op} ${rank}-D in both layouts, ${g.what}`,
    op,
    family,
    rank,
    law: true,
  });
  return [
    {
      ...about('conv'),
      inputs: [f32(x), f32(w)],
      run: (a, b) => [
        convOp.apply([a, b], attrs),
        transpose(convOp.apply([transpose(a, toLast(rank)), b], last), toFirst(rank)),
      ],
    },
    {
      ...about('convInputGrad'),
      inputs: [f32(y), f32(w)],
      run: (a, b) => [
        convInputGradOp.apply([a, b], { ...attrs, ...input }),
        transpose(
          convInputGradOp.apply([transpose(a, toLast(rank)), b], { ...last, ...input }),
          toFirst(rank),
        ),
      ],
    },
    {
      ...about('convWeightGrad'),
      inputs: [f32(x), f32(y)],
      run: (a, b) => [
        convWeightGradOp.apply([a, b], { ...attrs, ...kernel }),
        convWeightGradOp.apply([transpose(a, toLast(rank)), transpose(b, toLast(rank))], {
          ...last,
          ...kernel,
        }),
      ],
    },
  ];
}

/** channels, filters, input, kernel, options. */
const transposed: readonly (readonly [number, number, Shape, Shape, ConvTransposeOptions])[] = [
  [4, 3, [7], [3], { stride: 2, padding: 1 }],
  [4, 6, [6], [4], { stride: 2, padding: 1, dilation: 2, groups: 2 }],
  [3, 4, [5, 4], [3, 3], {}],
  [4, 4, [4, 5], [3, 3], { stride: 2, padding: 1, outputPadding: 1, groups: 4 }],
  [2, 3, [4, 4], [3, 2], { stride: [3, 2], padding: [1, 0], outputPadding: [2, 1], dilation: [2, 1] }],
  [3, 2, [3, 5], [3, 3], { stride: 2, padding: 'same' }],
  [2, 2, [3, 3, 4], [3, 2, 3], { stride: [2, 1, 2], padding: [1, 0, 1], outputPadding: [1, 0, 0] }],
];

const padded = convGeometries.find(({ what, kernel }) => what === 'padded' && kernel.length === 2)!;

/** A tap outside the input adds nothing, also where the other factor is not finite: 0 · ∞ would be NaN. */
const nonfiniteCases: Case[] = LAYOUTS.flatMap((layout) =>
  convCasesOf(padded, layout).flatMap((c) =>
    [0, 1].map((which): Case => ({
      ...c,
      name: `${c.name}, ${['first', 'second'][which]} operand not finite`,
      inputs: c.inputs.map(({ shape }, i) => f32(shape, i === which ? nonfinite : real)),
      special: true,
    })),
  ),
);

/** One channel a group along rows so long that no backend should keep them whole for each of its threads. */
const longRows: Case[] = LAYOUTS.flatMap((layout) =>
  [1, 2].flatMap((stride) =>
    convCasesOf(
      {
        what: `depthwise, long rows, stride ${stride}`,
        batch: 2,
        channels: 3,
        filters: 3,
        input: [17_003],
        kernel: [3],
        stride: [stride],
        dilation: [2],
        padding: [[2, 1]],
        groups: 3,
      },
      layout,
    ).map((c) => ({ ...c, gradients: [], exact: c.op !== 'convWeightGrad' })),
  ),
);

const composites: Case[] = LAYOUTS.flatMap((layout) => [
  ...transposed.map(([channels, filters, input, kernel, options], i): Case => ({
    name: `convTranspose ${kernel.length}-D ${layout} ${i}`,
    op: 'convTranspose',
    family: 'composite',
    layout,
    rank: kernel.length,
    inputs: [
      f32(activationShape(2, channels, input, layout)),
      f32([channels, filters / (options.groups ?? 1), ...kernel]),
    ],
    run: (x, w) => convTranspose(x, w, { ...options, layout }),
  })),
  {
    name: `convBias 2-D ${layout}`,
    op: 'convBias',
    family: 'composite',
    layout,
    rank: 2,
    inputs: [f32(activationShape(2, 3, [5, 6], layout)), f32([4, 3, 3, 3]), f32([4])],
    run: (x, w, b) => convBias(x, w, b, { padding: 'same', layout }),
  },
]);

export const convCases: readonly Case[] = [
  ...convGeometries.flatMap((g) => LAYOUTS.flatMap((layout) => convCasesOf(g, layout))),
  ...nonfiniteCases,
  ...longRows,
  ...composites,
];

export const convLaws: readonly Case[] = convGeometries.flatMap(convLayoutLaws);
