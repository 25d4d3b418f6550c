import { type Layout, type Shape, type Tensor } from '@graftjs/core';
import {
  type ConvAttrs,
  type FusedActivation,
  type FusedAttrs,
  type FusedInputs,
  type FusedName,
} from '@graftjs/core/backend';
import { convAffine } from '@graftjs/core/extend';
import { applyFused } from '../fused.ts';
import type { Case } from './case.ts';
import { f32, nonfinite, nonzero, positive, range, real, type Fill, type InputSpec } from './data.ts';
import { activationShape, convGeometries, convShapes, LAYOUTS, type ConvGeometry } from './geometry.ts';

// Each composite as a whole, as its kernel sees it. Their gradients are the business of the composites that use them:
// batchNorm, crossEntropy, convAffine, the training steps.

const family = 'fused';

interface Epilogue {
  readonly scale: boolean;
  readonly shift: boolean;
  readonly activation: FusedActivation;
}

const epilogues: readonly Epilogue[] = [
  { scale: true, shift: true, activation: 'relu6' },
  { scale: false, shift: true, activation: 'relu' },
  { scale: true, shift: true, activation: 'none' },
  { scale: false, shift: true, activation: 'none' },
  { scale: true, shift: false, activation: 'relu' },
  { scale: false, shift: false, activation: 'relu6' },
];

const show = ({ scale, shift, activation }: Epilogue): string =>
  [scale && 'scale', shift && 'shift', activation !== 'none' && activation].filter(Boolean).join(', ');

/** The inputs that are there, from those that a run gets in a row. */
function spread<T>(given: readonly T[], there: readonly boolean[]): (T | null)[] {
  let next = 0;
  return there.map((is) => (is ? given[next++]! : null));
}

/** The same as a composite takes them. */
const inputsOf = <N extends FusedName>(
  given: readonly Tensor[],
  there: readonly boolean[],
): FusedInputs<Tensor>[N] => spread(given, there) as unknown as FusedInputs<Tensor>[N];

/** The convolution of a geometry with something behind it. */
export function convAffineCase(g: ConvGeometry, layout: Layout, epilogue: Epilogue, fill: Fill = real): Case {
  const { x, w, attrs } = convShapes(g, layout);
  const rank = g.kernel.length;
  const { scale, shift, activation } = epilogue;
  const perChannel = [...(scale ? [f32([g.filters], nonzero)] : []), ...(shift ? [f32([g.filters])] : [])];
  return {
    name: `convAffine ${rank}-D ${layout}, ${g.what}, ${show(epilogue)}${fill === real ? '' : ', not finite'}`,
    op: 'convAffine',
    family,
    layout,
    rank,
    inputs: [f32(x, fill), f32(w), ...perChannel],
    run: (...inputs) =>
      applyFused('convAffine', inputsOf<'convAffine'>(inputs, [true, true, scale, shift]), {
        ...attrs,
        activation,
      }),
    gradients: [],
    special: fill !== real,
  };
}

const [padded, depthwise] = ['padded', 'depthwise, stride 2'].map((what) =>
  convGeometries.find((g) => g.what === what && g.kernel.length === 2)!,
) as [ConvGeometry, ConvGeometry];

const convAffineCases: Case[] = LAYOUTS.flatMap((layout) => [
  // Every geometry with two epilogues in turn, and one geometry with all.
  ...convGeometries.flatMap((g, i) =>
    [i, i + 1].map((k) => convAffineCase(g, layout, epilogues[k % epilogues.length]!)),
  ),
  ...[padded, depthwise].flatMap((g) => [
    ...epilogues.map((e) => convAffineCase({ ...g, what: `${g.what} again` }, layout, e)),
    convAffineCase(g, layout, epilogues[0]!, nonfinite),
    convAffineCase(g, layout, epilogues[1]!, nonfinite),
  ]),
]);

/** The public function, with its own gradient. */
const gradientCases: Case[] = LAYOUTS.flatMap((layout) =>
  epilogues.map((epilogue): Case => {
    const { scale, shift, activation } = epilogue;
    const { x, w, attrs } = convShapes(depthwise, layout);
    const { stride, padding, dilation, groups } = attrs satisfies ConvAttrs;
    const perChannel = [scale, shift].filter(Boolean).map(() => f32([depthwise.filters], nonzero));
    return {
      name: `convAffine of a layer, ${layout}, ${show(epilogue)}`,
      op: 'convAffine',
      family: 'composite',
      layout,
      rank: 2,
      inputs: [f32(x), f32(w), ...perChannel],
      run: (a, b, ...rest) => {
        const [s, t] = spread(rest, [scale, shift]);
        return convAffine(a, b, {
          ...{ stride, padding, dilation, groups, layout, activation },
          ...{ scale: s ?? null, shift: t ?? null },
        });
      },
      gradients: scale ? [0, 1, ...(shift ? [3] : [])] : [0, 1, ...(shift ? [2] : [])],
    };
  }),
);

/** batch, channels, spatial extents. */
const normShapes: readonly (readonly [number, number, Shape])[] = [
  [5, 3, []],
  [4, 17, [9]],
  [3, 4, [3, 2]],
  [2, 5, [7, 9]],
  [1, 1, [6, 5]],
  [6, 33, [1, 1]],
  // More than a block of a sum: in one run, in several of whole vectors, and in several of others.
  [1, 2, [40, 40]],
  [3, 2, [16, 24]],
  [5, 3, [23, 19]],
  [2, 6, [3, 5, 4]],
];
const [weighted, plain] = [true, false];

function normCases(layout: Layout): Case[] {
  const attrs = { eps: 1e-3, layout };
  const of = (
    op: 'batchNorm' | 'batchNormGrad',
    [n, c, spatial]: (typeof normShapes)[number],
    affine: boolean,
    fill: Fill,
  ): Case => {
    const x = f32(activationShape(n, c, spatial, layout), fill);
    const channel = (f: Fill): InputSpec => f32([c], f);
    const statistics = [channel(real), channel(positive)];
    const forward = [x, ...(affine ? [channel(positive), channel(real)] : [])];
    const backward = [x, { ...x, fill: real }, ...statistics, ...(affine ? [channel(positive)] : [])];
    return {
      name: `${op} ${layout}, [${n}, ${c}, ${spatial.join(' × ')}]${affine ? ', affine' : ''}${fill === nonfinite ? ', not finite' : ''}`,
      op,
      family,
      layout,
      inputs: op === 'batchNorm' ? forward : backward,
      run: (...inputs) =>
        applyFused(
          op,
          inputsOf<'batchNorm' | 'batchNormGrad'>(
            inputs,
            op === 'batchNorm' ? [true, affine, affine] : [true, true, true, true, affine],
          ),
          attrs,
        ),
      gradients: [],
      exact: false,
      special: fill === nonfinite,
    };
  };
  return (['batchNorm', 'batchNormGrad'] as const).flatMap((op) => [
    ...normShapes.flatMap((shape, i) => [
      of(op, shape, weighted, range(-1, 3)),
      ...(i % 3 === 0 ? [of(op, shape, plain, range(-1, 3))] : []),
    ]),
    of(op, [3, 5, [4, 3]], weighted, nonfinite),
    of(op, [3, 5, [4, 3]], plain, nonfinite),
  ]);
}

/** Logits, which need not be finite, against targets with zeros in them. */
const entropyCases: Case[] = (
  [
    [1, 1],
    [4, 5],
    [7, 33],
    [2, 1100],
    [5, 1030],
    [0, 3],
    [2, 4, 3, 2],
    [3, 9, 5],
  ] satisfies number[][]
).flatMap((shape) => {
  const positions = f32([shape[0]!, ...shape.slice(2)], range(-1, 2));
  const targets: Fill = (random, size, kind) => range(-0.5, 1)(random, size, kind).map((v) => Math.max(v, 0));
  const about = { family, gradients: [], exact: false } as const;
  return [false, true].flatMap((special): Case[] => {
    const suffix = special ? ', not finite' : '';
    const fill = special ? nonfinite : range(-4, 3);
    return [
      {
        ...about,
        name: `softmaxCrossEntropy [${shape.join(', ')}]${suffix}`,
        op: 'softmaxCrossEntropy',
        inputs: [f32(shape, fill), f32(shape, targets)],
        run: (x, t) => applyFused('softmaxCrossEntropy', [x, t], {}),
        special,
      },
      {
        ...about,
        name: `softmaxCrossEntropyGrad [${shape.join(', ')}]${suffix}`,
        op: 'softmaxCrossEntropyGrad',
        inputs: [f32(shape, special ? nonfinite : range(-6, 0)), f32(shape, targets), positions],
        run: (logp, t, g) => applyFused('softmaxCrossEntropyGrad', [logp, t, g], {}),
        special,
      },
    ];
  });
});

const sgdSettings: readonly FusedAttrs['sgd'][] = [
  { lr: 0.1, weightDecay: 0, momentum: 0, dampening: 0, nesterov: false },
  { lr: 0.1, weightDecay: 0.01, momentum: 0, dampening: 0, nesterov: false },
  { lr: 0.3, weightDecay: 0, momentum: 0.9, dampening: 0, nesterov: false },
  { lr: 0.1, weightDecay: 1e-4, momentum: 0.9, dampening: 0, nesterov: true },
  { lr: 0.1, weightDecay: 0.01, momentum: 0.8, dampening: 0.1, nesterov: false },
];
const adamSettings: readonly FusedAttrs['adam'][] = [
  { rate: 1e-3, beta1: 0.9, beta2: 0.999, eps: 0.1, weightDecay: 0, shrink: 1 },
  { rate: 0.3, beta1: 0.8, beta2: 0.99, eps: 0.1, weightDecay: 0.01, shrink: 1 },
  { rate: 0.1, beta1: 0.9, beta2: 0.999, eps: 0.1, weightDecay: 0, shrink: 0.999 },
];

const stepCases: Case[] = [[], [1], [37], [3, 5, 3, 3], [0, 4]].flatMap((shape) =>
  [false, true].flatMap((special) =>
    [false, true].flatMap((first): Case[] => {
      const [p, g, v] = [f32(shape), f32(shape, special ? nonfinite : real), f32(shape, positive)];
      const suffix = `${first ? ', first step' : ''}${special ? ', not finite' : ''}`;
      const about = { family, gradients: [], exact: false, special } as const;
      return [
        ...sgdSettings.map((attrs, i): Case => ({
          ...about,
          name: `sgd [${shape.join(', ')}], settings ${i}${suffix}`,
          op: 'sgd',
          inputs: [p, g, ...(first ? [] : [f32(shape)])],
          run: (a, b, buffer) => applyFused('sgd', [a, b, attrs.momentum ? (buffer ?? null) : null], attrs),
        })),
        ...adamSettings.map((attrs, i): Case => ({
          ...about,
          name: `adam [${shape.join(', ')}], settings ${i}${suffix}`,
          op: 'adam',
          inputs: [p, g, ...(first ? [] : [f32(shape), v])],
          run: (a, b, m, w) => applyFused('adam', [a, b, m ?? null, w ?? null], attrs),
        })),
      ];
    }),
  ),
);

export const fusedCases: readonly Case[] = [
  ...convAffineCases,
  ...gradientCases,
  ...LAYOUTS.flatMap(normCases),
  ...entropyCases,
  ...stepCases,
];
