import { add, reshape } from '../ops/index.ts';
import { channelAxis } from '../ops/spatial.ts';
import { fail } from '../ops/check.ts';
import type { Tensor } from '../tensor.ts';
import { showShape, type Layout, type Shape, type TensorSpec } from '../types.ts';

/** `[c]` shaped so that it broadcasts along the channel axis of an activation with `rank` axes. */
export function perChannel(p: Tensor, rank: number, layout: Layout): Tensor {
  const trailing = rank - 1 - channelAxis(layout, rank);
  return trailing === 0 ? p : reshape(p, [p.size, ...new Array<number>(trailing).fill(1)]);
}

/** Checks that a parameter is `[channels]`. */
export function wantPerChannel(op: string, what: string, p: TensorSpec, channels: number): void {
  if (p.shape.length !== 1 || p.shape[0] !== channels) {
    fail(
      op,
      `${what} has shape ${showShape(p.shape)}, the input has ${channels} channels: it must be [${channels}]`,
    );
  }
}

/** Number of channels of an activation `[n, c, ...]` or `[n, ..., c]`. */
export function channelsOf(op: string, shape: Shape, layout: Layout): number {
  if (shape.length < 2)
    fail(op, `input has shape ${showShape(shape)}, it must have a batch and a channel axis`);
  return shape[channelAxis(layout, shape.length)]!;
}

/**
 * `x + bias` along the channel axis; `bias` is `[channels]`.
 * @throws ShapeError where it is not.
 * @example
 * addBias(zeros([1, 2, 2]), tensor([1, 2])); // → [[[1, 1], [2, 2]]]
 */
export function addBias(x: Tensor, bias: Tensor, layout: Layout = 'channels-first'): Tensor {
  wantPerChannel('addBias', 'bias', bias, channelsOf('addBias', x.shape, layout));
  return add(x, perChannel(bias, x.rank, layout));
}
