import type { FusedActivation } from '../fused.ts';
import { composite, customVjp, defineFused, isFollowed, type FusedComposite } from '../op.ts';
import { ops } from '../ops/bound.ts';
import { resolveConv } from '../ops/conv.ts';
import {
  add,
  convInputGradOp,
  convOp,
  convWeightGradOp,
  greater,
  less,
  logicalAnd,
  mul,
  relu,
  reshape,
  select,
  type ConvOptions,
} from '../ops/index.ts';
import { spatialOf } from '../ops/spatial.ts';
import type { Tensor } from '../tensor.ts';
import { relu6 } from './activation.ts';
import { perChannel, wantPerChannel } from './channels.ts';

export const convAffineForward: FusedComposite<'convAffine'> = defineFused({
  name: 'convAffine',
  infer([x, w, scale, shift], attrs) {
    const y = convOp.infer([x, w], attrs);
    const channels = w.shape[0]!;
    if (scale) wantPerChannel('convAffine', 'scale', scale, channels);
    if (shift) wantPerChannel('convAffine', 'shift', shift, channels);
    return [y];
  },
  decompose([x, w, scale, shift], { activation, ...attrs }) {
    let y = convOp.apply([x, w], attrs);
    if (scale) y = mul(y, perChannel(scale, y.rank, attrs.layout));
    if (shift) y = add(y, perChannel(shift, y.rank, attrs.layout));
    return [activation === 'none' ? y : activation === 'relu' ? relu(y) : relu6(y)];
  },
});

export interface ConvAffineOptions extends ConvOptions {
  /** `[outChannels]`. Default 1. */
  readonly scale?: Tensor | null;
  /** `[outChannels]`. Default 0. */
  readonly shift?: Tensor | null;
  /** Default 'none'. */
  readonly activation?: FusedActivation;
}

/**
 * activation(conv(x, w) · scale + shift), in one pass where the backend can: a convolution with bias, or with a batch norm
 * on stored statistics behind it. Same bits as the ops one after the other, gradients included.
 * @param x `[n, c, ...spatial]`, or `[n, ...spatial, c]` with channels-last.
 * @param w `[outChannels, c / groups, ...kernel]`.
 * @returns `[n, outChannels, ...]`, as `conv`.
 * @throws ShapeError as `conv`, and where scale or shift are not `[outChannels]`.
 * @example
 * const options = { scale: tensor([2]), shift: tensor([-5]), activation: 'relu' } as const;
 * convAffine(tensor([[[1, 2, 3]]]), ones([1, 1, 1]), options); // → [[[0, 0, 1]]]
 */
export function convAffine(x: Tensor, w: Tensor, options: ConvAffineOptions = {}): Tensor {
  const { scale = null, shift = null, activation = 'none' } = options;
  const attrs = { ...resolveConv(x, w, options), activation };
  const run = (): readonly [Tensor] => convAffineForward.apply([x, w, scale, shift], attrs);
  // The scale's gradient needs what the convolution gave, which is not kept otherwise.
  if (isFollowed([scale]) || !isFollowed([x, w, shift])) return run()[0]!;
  return customVjp(
    'convAffine',
    [x, w, scale, shift],
    run,
    ({ outputs: [y], gy, needs }) =>
      composite(() => {
        let g = gy;
        if (activation !== 'none') {
          // The output tells which side of a kink the input was on.
          const on = greater(y!, 0);
          g = select(activation === 'relu' ? on : logicalAnd(on, less(y!, 6)), gy, 0);
        }
        const gShift =
          shift && needs[3]
            ? reshape(ops.sumTo(g, perChannel(shift, g.rank, attrs.layout).shape), shift.shape)
            : null;
        if (scale) g = mul(g, perChannel(scale, g.rank, attrs.layout));
        const { activation: _, ...conv } = attrs;
        return [
          needs[0]
            ? convInputGradOp.apply([g, w], { ...conv, inputSize: spatialOf(conv.layout, x.shape) })
            : null,
          needs[1] ? convWeightGradOp.apply([x, g], { ...conv, kernelSize: w.shape.slice(2) }) : null,
          null,
          gShift,
        ];
      }),
    attrs,
  )[0]!;
}

/**
 * `conv` with a bias `[outChannels]`, added last.
 * @throws ShapeError as `conv`, and where the bias is not `[outChannels]`.
 * @example
 * convBias(tensor([[[1, 2, 3]]]), ones([1, 1, 2]), tensor([10])); // → [[[13, 15]]]
 */
export function convBias(x: Tensor, w: Tensor, b?: Tensor | null, options: ConvOptions = {}): Tensor {
  return convAffine(x, w, { ...options, shift: b ?? null });
}
