import { composite, defineOp, type Primitive } from '../op.ts';
import type { ConvAttrs, OpAttrs } from '../primitives.ts';
import type { Tensor } from '../tensor.ts';
import { sameShape, showShape, sizeOf, type Layout, type TensorSpec } from '../types.ts';
import { ops } from './bound.ts';
import { fail, wantWhole } from './check.ts';
import {
  activationShape,
  channelAxis,
  perAxis,
  isSame,
  resolvePadding,
  spatialAxes,
  spatialOf,
  wantActivation,
  windowOutput,
  type Padding,
  type PerAxis,
} from './spatial.ts';

/** Checks weights `[outChannels, inChannels / groups, ...kernel]` against groups. */
function checkWeights(op: string, w: TensorSpec, a: ConvAttrs, inChannels?: number): void {
  const rank = a.stride.length;
  if (w.dtype !== 'float32' || w.shape.length !== rank + 2) {
    fail(
      op,
      `weights are ${w.dtype}${showShape(w.shape)}, they must be float32 [outChannels, inChannels / groups, ...${rank} kernel extents]`,
    );
  }
  const [out, perGroup] = w.shape as [number, number];
  wantWhole(op, 'groups', a.groups, 1);
  if (out % a.groups !== 0) fail(op, `${out} output channels do not divide into ${a.groups} groups`);
  if (inChannels !== undefined && perGroup * a.groups !== inChannels) {
    fail(
      op,
      `input has ${inChannels} channels (${a.layout}), weights ${showShape(w.shape)} with ${a.groups} groups want ${perGroup * a.groups}`,
    );
  }
}

const kernelOf = (w: TensorSpec): readonly number[] => w.shape.slice(2);
const outputOf = (op: string, input: readonly number[], kernel: readonly number[], a: ConvAttrs): number[] =>
  windowOutput(op, input, { kernel, stride: a.stride, padding: a.padding, dilation: a.dilation });

/** Checks gy's spatial extents against those that `conv` would give. */
function checkOutput(
  op: string,
  gy: TensorSpec,
  input: readonly number[],
  kernel: readonly number[],
  a: ConvAttrs,
): void {
  const want = outputOf(op, input, kernel, a);
  const got = spatialOf(a.layout, gy.shape);
  if (!sameShape(got, want)) {
    fail(
      op,
      `gy has spatial extents ${showShape(got)}, conv of an input of ${showShape(input)} gives ${showShape(want)}`,
    );
  }
}

export const convOp: Primitive<'conv'> = /* @__PURE__ */ defineOp({
  name: 'conv',
  infer([x, w], a) {
    wantActivation('conv', 'input', x, a.layout, a.stride.length);
    checkWeights('conv', w, a, x.shape[channelAxis(a.layout, x.shape.length)]!);
    const out = outputOf('conv', spatialOf(a.layout, x.shape), kernelOf(w), a);
    return { dtype: 'float32', shape: activationShape(a.layout, x.shape[0]!, w.shape[0]!, out) };
  },
  vjp: ({ inputs: [x, w], gy, attrs, needs }) => [
    needs[0]
      ? convInputGradOp.apply([gy, w], { ...attrs, inputSize: spatialOf(attrs.layout, x.shape) })
      : null,
    needs[1] ? convWeightGradOp.apply([x, gy], { ...attrs, kernelSize: kernelOf(w) }) : null,
  ],
  flops: ([, w], _, y) => (2 * sizeOf(y.shape) * sizeOf(w.shape)) / Math.max(w.shape[0]!, 1),
});

export const convInputGradOp: Primitive<'convInputGrad'> = /* @__PURE__ */ defineOp({
  name: 'convInputGrad',
  infer([gy, w], a) {
    wantActivation('convInputGrad', 'gy', gy, a.layout, a.stride.length);
    checkWeights('convInputGrad', w, a);
    const channels = gy.shape[channelAxis(a.layout, gy.shape.length)]!;
    if (channels !== w.shape[0])
      fail(
        'convInputGrad',
        `gy has ${channels} channels (${a.layout}), weights ${showShape(w.shape)} want ${w.shape[0]}`,
      );
    checkOutput('convInputGrad', gy, a.inputSize, kernelOf(w), a);
    return {
      dtype: 'float32',
      shape: activationShape(a.layout, gy.shape[0]!, w.shape[1]! * a.groups, a.inputSize),
    };
  },
  // Linear in gy and in w, and the adjoint of conv: so the other two are its gradients.
  vjp: ({ inputs: [gy, w], gy: ct, attrs, needs }) => [
    needs[0] ? convOp.apply([ct, w], convAttrs(attrs)) : null,
    needs[1] ? convWeightGradOp.apply([ct, gy], { ...convAttrs(attrs), kernelSize: kernelOf(w) }) : null,
  ],
  flops: ([gy, w]) => (2 * sizeOf(gy.shape) * sizeOf(w.shape)) / Math.max(w.shape[0]!, 1),
});

export const convWeightGradOp: Primitive<'convWeightGrad'> = /* @__PURE__ */ defineOp({
  name: 'convWeightGrad',
  infer([x, gy], a) {
    wantActivation('convWeightGrad', 'input', x, a.layout, a.stride.length);
    wantActivation('convWeightGrad', 'gy', gy, a.layout, a.stride.length);
    const c = channelAxis(a.layout, x.shape.length);
    const [cin, cout] = [x.shape[c]!, gy.shape[c]!];
    if (x.shape[0] !== gy.shape[0])
      fail('convWeightGrad', `input has ${x.shape[0]} samples, gy ${gy.shape[0]}`);
    wantWhole('convWeightGrad', 'groups', a.groups, 1);
    if (cin % a.groups || cout % a.groups)
      fail('convWeightGrad', `${cin} and ${cout} channels do not divide into ${a.groups} groups`);
    checkOutput('convWeightGrad', gy, spatialOf(a.layout, x.shape), a.kernelSize, a);
    return { dtype: 'float32', shape: [cout, cin / a.groups, ...a.kernelSize] };
  },
  vjp: ({ inputs: [x, gy], gy: ct, attrs, needs }) => [
    needs[0]
      ? convInputGradOp.apply([gy, ct], {
          ...convAttrs(attrs),
          inputSize: spatialOf(attrs.layout, x.shape),
        })
      : null,
    needs[1] ? convOp.apply([x, ct], convAttrs(attrs)) : null,
  ],
  flops: ([, gy], _, w) => (2 * sizeOf(gy.shape) * sizeOf(w.shape)) / Math.max(w.shape[0]!, 1),
});

function convAttrs({ stride, padding, dilation, groups, layout }: ConvAttrs): ConvAttrs {
  return { stride, padding, dilation, groups, layout };
}

export interface ConvOptions {
  /** Default 1. */
  readonly stride?: PerAxis;
  /** Default `'valid'`. */
  readonly padding?: Padding;
  /** Distance between taps. Default 1. */
  readonly dilation?: PerAxis;
  /** Input and output channels are cut in this many parts that do not see each other. Default 1. */
  readonly groups?: number;
  /** Default channels-first. */
  readonly layout?: Layout;
}

/**
 * Convolution (cross-correlation, as in every deep-learning library) in 1, 2 or 3 dimensions: PyTorch's `conv1d` to `conv3d`.
 * @param x `[n, c, ...spatial]`, or `[n, ...spatial, c]` with channels-last.
 * @param w `[outChannels, c / groups, ...kernel]`, in either layout.
 * @returns `[n, outChannels, ...⌊(spatial + padding − dilation · (kernel − 1) − 1) / stride⌋ + 1]`.
 * @throws ShapeError where channels, groups or ranks disagree, or the window does not fit.
 * @example
 * const x = ones([1, 3, 32, 32]);
 * conv(x, ones([8, 3, 3, 3]), { padding: 'same' }).shape; // → [1, 8, 32, 32]
 * conv(x, ones([3, 1, 5, 5]), { stride: 2, groups: 3 }).shape; // → [1, 3, 14, 14]
 * conv(tensor([[[1, 2, 3]]]), tensor([[[1, -1]]])); // → [[[-1, -1]]]
 */
export function conv(x: Tensor, w: Tensor, options: ConvOptions = {}): Tensor {
  return convOp.apply([x, w], resolveConv(x, w, options));
}

/**
 * The primitive's attributes from what a user may say.
 * @param x `[n, c, ...spatial]` (or channels-last).
 * @param w `[outChannels, c / groups, ...kernel]`.
 * @throws ShapeError as `conv`.
 * @example
 * resolveConv(zeros([1, 3, 8]), zeros([4, 3, 3]), { padding: 'same' }).padding; // → [[1, 1]]
 */
export function resolveConv(x: Tensor, w: Tensor, options: ConvOptions): ConvAttrs {
  const rank = w.rank - 2;
  if (rank < 1 || rank > 3)
    fail(
      'conv',
      `weights ${showShape(w.shape)} must have 3, 4 or 5 axes: [outChannels, inChannels / groups, ...kernel]`,
    );
  const layout = options.layout ?? 'channels-first';
  wantActivation('conv', 'input', x, layout, rank);
  const stride = perAxis('conv', 'stride', options.stride ?? 1, rank, 1);
  const dilation = perAxis('conv', 'dilation', options.dilation ?? 1, rank, 1);
  const padding = resolvePadding(
    'conv',
    options.padding ?? 'valid',
    spatialOf(layout, x.shape),
    kernelOf(w),
    stride,
    dilation,
  );
  return { stride, padding, dilation, groups: options.groups ?? 1, layout };
}

export interface ConvTransposeOptions extends ConvOptions {
  /** Added to the output's far side, to choose among the extents that `conv` maps to the same one. Default 0. */
  readonly outputPadding?: PerAxis;
}

/**
 * Transposed convolution: the adjoint of `conv`. Output extent (in − 1) · stride − padding + dilation · (kernel − 1) + 1 +
 * outputPadding; with `'same'`, in · stride.
 * @param x `[n, c, ...spatial]` (or channels-last).
 * @param w `[c, outChannels / groups, ...kernel]`, as in PyTorch.
 * @returns `[n, outChannels, ...]`.
 * @throws ShapeError where channels, groups or ranks disagree, padding leaves nothing, or outputPadding is not smaller than
 * stride or dilation.
 * @example
 * const x = ones([1, 8, 16, 16]);
 * convTranspose(x, ones([8, 3, 2, 2]), { stride: 2 }).shape; // → [1, 3, 32, 32]
 */
export function convTranspose(x: Tensor, w: Tensor, options: ConvTransposeOptions = {}): Tensor {
  const { attrs, missing } = resolveConvTranspose(x, w, options);
  return composite(() => zerosBehind(convInputGradOp.apply([x, w], attrs), attrs.layout, missing));
}

/**
 * Zeros at the far side of the spatial axes of `[n, c, ...spatial]` (or channels-last).
 * @throws ShapeError where an amount is no whole number, 0 or more.
 * @example
 * zerosBehind(ones([1, 1, 2]), 'channels-first', [1]); // → [[[1, 1, 0]]]
 */
export function zerosBehind(y: Tensor, layout: Layout, amounts: readonly number[]): Tensor {
  if (amounts.every((n) => n === 0)) return y;
  const after = new Array<number>(y.rank).fill(0);
  spatialAxes(layout, y.rank).forEach((axis, i) => (after[axis] = amounts[i]!));
  return ops.pad(y, { before: after.map(() => 0), after });
}

/**
 * The primitive's attributes from what a user may say, and how many zeros must follow on each axis: an outputPadding that
 * only a dilation allows reaches beyond what any tap touches.
 * @param x `[n, c, ...spatial]` (or channels-last).
 * @param w `[c, outChannels / groups, ...kernel]`.
 * @throws ShapeError as `convTranspose`.
 * @example
 * resolveConvTranspose(zeros([1, 3, 8]), zeros([3, 4, 2]), { stride: 2 }).attrs.inputSize; // → [16]
 */
export function resolveConvTranspose(
  x: Tensor,
  w: Tensor,
  options: ConvTransposeOptions,
): { readonly attrs: OpAttrs['convInputGrad']; readonly missing: readonly number[] } {
  const op = 'convTranspose';
  const rank = w.rank - 2;
  if (rank < 1 || rank > 3)
    fail(
      op,
      `weights ${showShape(w.shape)} must have 3, 4 or 5 axes: [inChannels, outChannels / groups, ...kernel]`,
    );
  const layout = options.layout ?? 'channels-first';
  wantActivation(op, 'input', x, layout, rank);
  const stride = perAxis(op, 'stride', options.stride ?? 1, rank, 1);
  const dilation = perAxis(op, 'dilation', options.dilation ?? 1, rank, 1);
  const extra = perAxis(op, 'outputPadding', options.outputPadding ?? 0, rank, 0);
  const input = spatialOf(layout, x.shape);
  const kernel = kernelOf(w);
  const grown = input.map((n, i) => n * stride[i]!);
  const padding = resolvePadding(op, options.padding ?? 'valid', grown, kernel, stride, dilation);
  const inputSize = input.map((n, i) => {
    if (isSame(options.padding)) return grown[i]!;
    if (extra[i]! >= Math.max(stride[i]!, dilation[i]!)) {
      fail(
        op,
        `outputPadding ${extra[i]} must be smaller than the stride (${stride[i]}) or the dilation (${dilation[i]})`,
      );
    }
    const [lo, hi] = padding[i]!;
    const size = (n - 1) * stride[i]! - lo - hi + dilation[i]! * (kernel[i]! - 1) + 1 + extra[i]!;
    if (size < 1)
      fail(op, `padding [${lo}, ${hi}] on spatial axis ${i} leaves an output of extent ${size}: pad less`);
    return size;
  });
  // outputPadding ≥ stride would make conv give one more output: pad less on the far side instead.
  const fitted = padding.map(([lo, hi], i): [number, number] => {
    const room = inputSize[i]! + lo + hi - dilation[i]! * (kernel[i]! - 1) - 1;
    const over = Math.floor(room / stride[i]!) + 1 - input[i]!;
    return [lo, hi - over * stride[i]!];
  });
  const missing = fitted.map(([, hi]) => Math.max(-hi, 0));
  return {
    attrs: {
      stride,
      padding: fitted.map(([lo, hi]): [number, number] => [lo, Math.max(hi, 0)]),
      dilation,
      groups: options.groups ?? 1,
      layout,
      inputSize: inputSize.map((n, i) => n - missing[i]!),
    },
    missing,
  };
}
