import type {
  FusedAttrs,
  FusedInputs,
  FusedKernels,
  FusedOutputs,
  Operand,
  TensorSpec,
} from '@graftjs/core/backend';
import type { GlBuffer } from './buffer.ts';
import { convolve } from './conv.ts';
import { bitsOf } from './device.ts';
import { textureOf, type Each, type Work } from './kernels.ts';
import { batchNorm, batchNormGrad } from './norm.ts';
import { texelCount, type Texture } from './textures.ts';

/** Runs a kernel on the operands that are there. */
type CarryOut = <O extends readonly TensorSpec[]>(
  inputs: readonly (Operand<GlBuffer> | null)[],
  outputs: O,
  kernel: (work: Work) => Each<O, Texture>,
) => Each<O, GlBuffer>;

/** A step of an optimizer: one pass over the parameter, its gradient and what the optimizer keeps, to all of them anew. */
function step<O extends readonly [TensorSpec, ...TensorSpec[]]>(
  { device }: Work,
  name: string,
  inputs: readonly (readonly [string, Operand<GlBuffer> | null])[],
  numbers: Readonly<Record<string, number>>,
  outputs: O,
  body: string,
): Each<O, Texture> {
  const textures = outputs.map((spec) => device.take(spec));
  const present = inputs.flatMap(([key, operand]) => (operand ? [[key, textureOf(operand)] as const] : []));
  const names = Object.keys(numbers);
  device.draw({
    key: `${name} ${present.map(([key]) => key).join()}`,
    inputs: present,
    ints: Object.fromEntries(names.map((key) => [`${key}_bits`, bitsOf(numbers[key]!)])),
    body: () =>
      [
        ...names.map((key) => `  float ${key} = intBitsToFloat(${key}_bits);`),
        ...present.map(([key]) => `  vec4 ${key}_ = ${key}_texel(t);`),
        body,
      ].join('\n'),
    outputs: textures,
    count: texelCount(outputs[0]),
  });
  return textures as unknown as Each<O, Texture>;
}

/** sqrt(v) + eps is divided by: 0 / 0 where a gradient has always been 0 and eps is 0, as in the decomposition. */
function adam(
  work: Work,
  [p, g, m, v]: FusedInputs<Operand<GlBuffer>>['adam'],
  { rate, beta1, beta2, eps, weightDecay, shrink }: FusedAttrs['adam'],
  outputs: FusedOutputs<TensorSpec>['adam'],
): FusedOutputs<Texture>['adam'] {
  const old = (name: string, b: string, now: string): string =>
    `${name === 'm' ? (m ? 'm_ * beta1 + ' : '') : v ? 'v_ * beta2 + ' : ''}${now} * ${b}`;
  return step(
    work,
    `adam ${weightDecay !== 0} ${shrink !== 1}`,
    [
      ['p', p],
      ['g', g],
      ['m', m],
      ['v', v],
    ],
    { rate, beta1, rest1: 1 - beta1, beta2, rest2: 1 - beta2, eps, weightDecay, shrink },
    outputs,
    `  vec4 d = ${weightDecay === 0 ? 'g_' : 'g_ + p_ * weightDecay'};
  y1 = ${old('m', 'rest1', 'd')};
  y2 = ${old('v', 'rest2', '(d * d)')};
  y0 = ${shrink === 1 ? 'p_' : 'p_ * shrink'} - y1 / (sqrt(y2) + eps) * rate;`,
  );
}

function sgd(
  work: Work,
  [p, g, before]: FusedInputs<Operand<GlBuffer>>['sgd'],
  { lr, weightDecay, momentum, dampening, nesterov }: FusedAttrs['sgd'],
  outputs: FusedOutputs<TensorSpec>['sgd'],
): FusedOutputs<Texture>['sgd'] {
  const fresh = dampening === 0 ? 'd' : 'd * rest';
  const direction = momentum === 0 ? 'd' : nesterov ? '(d + y1 * momentum)' : 'y1';
  return step(
    work,
    `sgd ${weightDecay !== 0} ${momentum !== 0} ${dampening !== 0} ${nesterov}`,
    [
      ['p', p],
      ['g', g],
      ['b', momentum === 0 ? null : before],
    ],
    { lr, weightDecay, momentum, rest: 1 - dampening },
    outputs,
    `  vec4 d = ${weightDecay === 0 ? 'g_' : 'g_ + p_ * weightDecay'};
${momentum === 0 ? '' : `  y1 = ${before ? `b_ * momentum + ${fresh}` : 'd'};\n`}  y0 = p_ - ${direction} * lr;`,
  );
}

/** Composites in one kernel each; those that are not here run as their primitives. */
export function fusedKernels(carryOut: CarryOut): Partial<FusedKernels<GlBuffer>> {
  return {
    convAffine: ([x, w, scale, shift], attrs, outputs) =>
      carryOut([x, w, scale, shift], outputs, (work) => [
        convolve(work, x, w, attrs, outputs[0], {
          scale: scale ? textureOf(scale) : null,
          shift: shift ? textureOf(shift) : null,
          activation: attrs.activation,
        }),
      ]),
    batchNorm: (inputs, attrs, outputs) =>
      carryOut(inputs, outputs, (work) => batchNorm(work, inputs, attrs, outputs)),
    batchNormGrad: (inputs, attrs, outputs) =>
      carryOut(inputs, outputs, (work) => batchNormGrad(work, inputs, attrs, outputs)),
    adam: (inputs, attrs, outputs) => carryOut(inputs, outputs, (work) => adam(work, inputs, attrs, outputs)),
    sgd: (inputs, attrs, outputs) => carryOut(inputs, outputs, (work) => sgd(work, inputs, attrs, outputs)),
  };
}
