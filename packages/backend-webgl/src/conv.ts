import {
  type ActivationGeometry,
  type ConvAttrs,
  convProblem,
  forwardRows,
  inputGradRows,
  type Operand,
  product,
  sizeOf,
  type TensorSpec,
} from '@graftjs/core/backend';
import type { GlBuffer } from './buffer.ts';
import { correlate, type Epilogue, type Problem } from './correlate.ts';
import type { GlKernels, Work } from './kernels.ts';
import { pack, type Packed } from './pack.ts';
import { weightGrad } from './weight-grad.ts';

export function problemOf(...args: Parameters<typeof convProblem>): Problem {
  const p = convProblem(...args);
  const { input, output, groups } = p;
  return { ...p, depthwise: groups > 1 && input.channels === groups && output.channels === groups };
}

/**
 * An activation with its channels last, in texels of four channels of one group, filled up with zeros. In channels-last
 * layout with channels in fours it is that already.
 */
export function packActivation(
  work: Work,
  { buffer, spec }: Operand<GlBuffer>,
  a: ActivationGeometry,
  groups: number,
): Packed {
  const perGroup = a.channels / groups;
  const fours = Math.ceil(perGroup / 4);
  if (a.channelsLast && perGroup % 4 === 0) return { texture: buffer.texture, fours };
  const positions = product(a.extent);
  const texture = pack(work, buffer.texture, spec, [
    { extent: a.batch, stride: a.batchStep },
    { extent: positions, stride: a.channelsLast ? a.channels : 1 },
    { extent: groups, stride: perGroup * a.channelStep },
    { extent: perGroup, stride: a.channelStep },
  ]);
  return { texture: work.scratch(texture), fours };
}

/**
 * Weights in the order in which they are multiplied: for each group, tap, and channel that is summed over (in fours), texels
 * of four neighbouring channels of the result. They stay with the tensor: locked ones are packed once.
 */
function packWeights(
  work: Work,
  { buffer, spec }: Operand<GlBuffer>,
  { groups, depthwise }: Problem,
  transposed: boolean,
): Packed {
  const [outChannels, perGroup, ...kernel] = spec.shape as [number, number, ...number[]];
  const taps = sizeOf(kernel);
  const out = outChannels / groups;
  const key = `weights ${depthwise ? 'depthwise' : `${groups} ${transposed}`}`;
  if (depthwise) {
    const texture = work.derived(buffer, key, () =>
      pack(work, buffer.texture, spec, [
        { extent: 1, stride: 0 },
        { extent: 1, stride: 0 },
        { extent: taps, stride: 1 },
        { extent: outChannels, stride: taps },
      ]),
    );
    return { texture, fours: Math.ceil(outChannels / 4) };
  }
  const [sum, result] = transposed
    ? [
        { extent: out, stride: perGroup * taps },
        { extent: perGroup, stride: taps },
      ]
    : [
        { extent: perGroup, stride: taps },
        { extent: out, stride: perGroup * taps },
      ];
  const texture = work.derived(buffer, key, () =>
    pack(work, buffer.texture, spec, [
      { extent: groups, stride: out * perGroup * taps },
      { extent: taps, stride: 1 },
      { ...sum, filled: Math.ceil(sum.extent / 4) * 4 },
      result,
    ]),
  );
  return { texture, fours: Math.ceil(result.extent / 4) };
}

/** `conv`, and what follows it in the same pass. */
export function convolve(
  work: Work,
  x: Operand<GlBuffer>,
  w: Operand<GlBuffer>,
  attrs: ConvAttrs,
  output: TensorSpec,
  epilogue?: Epilogue,
): ReturnType<typeof correlate> {
  const p = problemOf(x.spec.shape, output.shape, w.spec.shape.slice(2), attrs);
  const groups = p.depthwise ? 1 : p.groups;
  const a = packActivation(work, x, p.input, groups);
  const b = packWeights(work, w, p, false);
  return correlate(work, a, b, forwardRows(p), { groups, depthwise: p.depthwise }, output, epilogue);
}

export const convolutions: Pick<GlKernels, 'conv' | 'convInputGrad' | 'convWeightGrad'> = {
  conv: (work, [x, w], attrs, output) => convolve(work, x, w, attrs, output),

  convInputGrad(work, [gy, w], attrs, output) {
    const p = problemOf(output.shape, gy.spec.shape, w.spec.shape.slice(2), attrs);
    const groups = p.depthwise ? 1 : p.groups;
    const a = packActivation(work, gy, p.output, groups);
    const b = packWeights(work, w, p, true);
    return correlate(work, a, b, inputGradRows(p), { groups, depthwise: p.depthwise }, output);
  },

  convWeightGrad(work, [x, gy], attrs, output) {
    const p = problemOf(x.spec.shape, gy.spec.shape, attrs.kernelSize, attrs);
    const groups = p.depthwise ? 1 : p.groups;
    const a = packActivation(work, x, p.input, groups);
    const b = packActivation(work, gy, p.output, groups);
    return weightGrad(work, a, b, p, output);
  },
};
