import {
  activationGeometry,
  type BatchNormAttrs,
  type FusedInputs,
  type FusedOutputs,
  type Layout,
  type Operand,
  product,
  type Shape,
  sizeOf,
  type TensorSpec,
} from '@graftjs/core/backend';
import type { GlBuffer } from './buffer.ts';
import { bitsOf } from './device.ts';
import { textureOf, type Work } from './kernels.ts';
import { reduceAxes } from './reduce.ts';
import { texelCount, type Texture } from './textures.ts';
import { walkOver } from './walk.ts';

/** Terms that one invocation adds up at most. */
const CHUNK = 256;

type Inputs = readonly (readonly [name: string, texture: Texture])[];

/**
 * Sums over all that belongs to a channel, of each expression in `terms`. They are of `x` and what else `of` names, which
 * are like x, and of `m`, the channel's number in `mean`; their values are never written out. Each gives `[c]`.
 */
function channelSums(
  work: Work,
  shape: Shape,
  layout: Layout,
  of: Inputs,
  mean: Texture | null,
  terms: readonly string[],
): Texture[] {
  const { device } = work;
  const a = activationGeometry(shape, layout);
  const positions = product(a.extent);
  // Runs of neighbours: a sample's positions with channels first, all positions with channels last.
  const [runs, length] = a.channelsLast ? [1, a.batch * positions] : [a.batch, positions];
  const chunk = Math.ceil(length / Math.ceil(length / CHUNK) / 4) * 4;
  const chunks = Math.ceil(length / chunk);
  const part: TensorSpec = { dtype: 'float32', shape: [runs * chunks, a.channels] };
  const form =
    a.channelsLast && a.channels % 4 === 0
      ? 'channels'
      : !a.channelsLast && positions % 4 === 0
        ? 'positions'
        : 'single';
  const vector = form === 'single' ? 'float' : 'vec4';
  const step = a.channelsLast ? 'channels' : form === 'positions' ? '4' : '1';
  const load = ([name]: readonly [string, Texture]): string =>
    form === 'single' ? `float ${name}_ = ${name}_at(at);` : `vec4 ${name}_ = ${name}_texel(at >> 2);`;
  // The names of textures are those of samplers, so values have an underscore.
  const value = (term: string): string =>
    [...of.map(([name]) => name), 'm'].reduce(
      (s, name) => s.replaceAll(new RegExp(`\\b${name}\\b`, 'g'), `${name}_`),
      term,
    );
  const outputs = terms.map(() => device.take(part));
  const meanOf = form === 'channels' ? 'm_texel(c >> 2)' : `${vector}(m_at(c))`;
  const loop = `
  int q = e;
  int c = divmod(q, channels);
  int from = divmod(q, chunks) * chunk;
  int to = min(from + chunk, length);
  int at = ${a.channelsLast ? 'from * channels + c' : '(q * channels + c) * length + from'};
  ${mean ? `${vector} m_ = ${meanOf};` : ''}
${terms.map((_, i) => `  ${vector} r${i} = ${vector}(0);`).join('\n')}
  for (int k = from; k < to; k += ${form === 'positions' ? 4 : 1}, at += ${step}) {
    ${of.map(load).join('\n    ')}
${terms.map((term, i) => `    r${i} += ${value(term)};`).join('\n')}
  }`;
  const scalar = (i: number): string =>
    form === 'positions' ? `r${i}.x + r${i}.y + r${i}.z + r${i}.w` : `r${i}`;
  device.draw({
    key: `channel sums ${layout} ${form} ${mean !== null} ${terms.join(';')}`,
    inputs: [...of, ...(mean ? [['m', mean] as const] : [])],
    ints: { channels: a.channels, chunks, chunk, length },
    functions:
      form === 'channels'
        ? ''
        : `void element(int e${terms.map((_, i) => `, out float s${i}`).join('')}) {${loop}
${terms.map((_, i) => `  s${i} = ${scalar(i)};`).join('\n')}
}`,
    body: () =>
      form === 'channels'
        ? `  int e = t * 4;${loop}\n${terms.map((_, i) => `  y${i} = r${i};`).join('\n')}`
        : [...'xyzw']
            .map((k, n) => `  element(t * 4 + ${n}${terms.map((_, i) => `, y${i}.${k}`).join('')});`)
            .join('\n'),
    outputs,
    count: texelCount(part),
  });
  return outputs.map((partial) => {
    if (part.shape[0] === 1) return partial;
    return reduceAxes(work, 'sum', 'float32', work.scratch(partial), part.shape, [0]);
  });
}

/** Elementwise on operands that are like the output, or `[c]`; `value` is an expression of their names. */
function overChannels(
  { device }: Work,
  key: string,
  output: TensorSpec,
  layout: Layout,
  whole: Inputs,
  perChannel: Inputs,
  value: string,
): Texture {
  const y = device.take(output);
  const { shape } = output;
  const channel = layout === 'channels-last' ? shape.length - 1 : 1;
  const walk = walkOver(shape, [
    ...whole.map(([name, texture]) => ({
      name,
      texture,
      strides: shape.map((_, axis) => sizeOf(shape.slice(axis + 1))),
    })),
    ...perChannel.map(([name, texture]) => ({
      name,
      texture,
      strides: shape.map((_, axis) => Number(axis === channel)),
    })),
  ]);
  device.draw({
    key: `${key} ${walk.key}`,
    inputs: walk.inputs,
    ints: walk.ints,
    body: () => `${walk.body}\n  y0 = ${value};`,
    outputs: [y],
    count: texelCount(output),
  });
  return y;
}

/** Several `[c]` from others; `lines` set `y0`, `y1`, … */
function onChannels(
  { device }: Work,
  key: string,
  channels: number,
  inputs: Inputs,
  numbers: Readonly<Record<string, number>>,
  lines: readonly string[],
): Texture[] {
  const spec: TensorSpec = { dtype: 'float32', shape: [channels] };
  const outputs = lines.map(() => device.take(spec));
  device.draw({
    key,
    inputs,
    ints: Object.fromEntries(Object.entries(numbers).map(([name, x]) => [`${name}_bits`, bitsOf(x)])),
    body: () =>
      [
        ...Object.keys(numbers).map((name) => `  float ${name} = intBitsToFloat(${name}_bits);`),
        ...inputs.map(([name]) => `  vec4 ${name}_ = ${name}_texel(t);`),
        ...lines.map((line, i) => `  y${i} = ${line};`),
      ].join('\n'),
    outputs,
    count: texelCount(spec),
  });
  return outputs;
}

/** y, mean and variance: x is read three times and nothing but y is written in its size. */
export function batchNorm(
  work: Work,
  [x, weight, bias]: FusedInputs<Operand<GlBuffer>>['batchNorm'],
  { eps, layout }: BatchNormAttrs,
  [output]: FusedOutputs<TensorSpec>['batchNorm'],
): FusedOutputs<Texture>['batchNorm'] {
  const { shape } = output!;
  const channels = shape[layout === 'channels-last' ? shape.length - 1 : 1]!;
  const n = sizeOf(shape) / channels;
  const of: Inputs = [['x', textureOf(x!)]];
  const [total] = channelSums(work, shape, layout, of, null, ['x']);
  const [mean] = onChannels(work, 'mean', channels, [['a', work.scratch(total!)]], { n }, ['a_ / n']);
  const [squares] = channelSums(work, shape, layout, of, mean!, ['(x - m) * (x - m)']);
  const [variance, scale] = onChannels(
    work,
    `variance ${weight !== null}`,
    channels,
    [['a', work.scratch(squares!)], ...(weight ? [['w', textureOf(weight)] as const] : [])],
    { n, eps },
    ['a_ / n', `${weight ? 'w_ * ' : ''}(1.0 / sqrt(a_ / n + eps))`],
  );
  work.scratch(scale!);
  const y = overChannels(
    work,
    `normalized ${bias !== null}`,
    output!,
    layout,
    of,
    [['m', mean!], ['s', scale!], ...(bias ? [['b', textureOf(bias)] as const] : [])],
    `(x - m) * s${bias ? ' + b' : ''}`,
  );
  return [y, mean!, variance!];
}

/** gx, Σ g · x̂ and Σ g, as core's `batchNormGrad` has them: one pass for both sums, one for gx. */
export function batchNormGrad(
  work: Work,
  [x, g, mean, variance, weight]: FusedInputs<Operand<GlBuffer>>['batchNormGrad'],
  { eps, layout }: BatchNormAttrs,
  [output]: FusedOutputs<TensorSpec>['batchNormGrad'],
): FusedOutputs<Texture>['batchNormGrad'] {
  const { shape } = output!;
  const channels = shape[layout === 'channels-last' ? shape.length - 1 : 1]!;
  const n = sizeOf(shape) / channels;
  const both: Inputs = [
    ['x', textureOf(x!)],
    ['g', textureOf(g!)],
  ];
  const [products, sumG] = channelSums(work, shape, layout, both, textureOf(mean!), ['g * (x - m)', 'g']);
  const inverse = '(1.0 / sqrt(v_ + eps))';
  const scaled = weight ? `w_ * ${inverse}` : inverse;
  const [along, scale, perD] = onChannels(
    work,
    `gradient's factors ${weight !== null}`,
    channels,
    [
      ['a', work.scratch(products!)],
      ['v', textureOf(variance!)],
      ...(weight ? [['w', textureOf(weight)] as const] : []),
    ],
    { n, eps },
    [`a_ * ${inverse}`, scaled, `(${scaled}) * ${inverse} * ((a_ * ${inverse}) / n)`],
  );
  const [constant] = onChannels(
    work,
    "gradient's constant",
    channels,
    [
      ['s', work.scratch(scale!)],
      ['a', sumG!],
    ],
    { n },
    ['s_ * (a_ / n)'],
  );
  work.scratch(perD!);
  work.scratch(constant!);
  const gx = overChannels(
    work,
    'normalized gradient',
    output!,
    layout,
    both,
    [
      ['m', textureOf(mean!)],
      ['s', scale!],
      ['p', perD!],
      ['c', constant!],
    ],
    '(g * s - (x - m) * p) - c',
  );
  return [gx, along!, sumG!];
}
