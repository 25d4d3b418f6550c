import type { DType, Layout, Shape } from './types.ts';

/**
 * The primitives and their attributes. This table is the whole vocabulary between core and a backend: everything
 * else is a composite over it. It is closed under differentiation: the vjp of each is written in these.
 *
 * Orders of accumulation are part of the contract wherever a result depends on them: the docstring of the op states
 * it, and `cpu` and `wasm` follow it bit for bit. Every product and every sum is rounded to float32 on its own.
 */
export interface OpAttrs {
  /** Elementwise, one input. relu(−0) is +0. The sign and payload of a NaN are never part of the contract. */
  unary: { readonly kind: UnaryKind };
  /**
   * Elementwise with broadcasting, two inputs of one dtype. `min` and `max` order −0 below +0 and give NaN if either
   * operand is NaN; on bool they are AND and OR.
   */
  binary: { readonly kind: BinaryKind };
  /** Elementwise with broadcasting, gives bool. */
  compare: { readonly kind: CompareKind };
  /** `select(condition: bool, a, b)`, all three broadcast. */
  select: NoAttrs;
  /** float → int truncates towards zero and saturates; NaN → 0; to bool is `!= 0`. */
  cast: { readonly dtype: DType };
  /**
   * Over `axes` (sorted, distinct). `argmax` (int32, one axis) and `max` take the first of equal values (−0 and +0 are equal); NaN wins.
   * `sum`: the n reduced elements in row-major order are cut in blocks of 1,024; in a block, eight partial sums
   * (element i goes to partial i mod 8) start at +0 and are combined as ((p0+p1)+(p2+p3))+((p4+p5)+(p6+p7)); the
   * blocks' sums are added in order to a total that starts at +0.
   */
  reduce: { readonly kind: ReduceKind; readonly axes: readonly number[]; readonly keepDims: boolean };
  /**
   * Positions along `axis` (int32) that put the elements there in ascending order, or in descending order. Of equal ones the
   * first comes first, either way; −0 and +0 are equal, and NaN is greater than all numbers.
   */
  argsort: { readonly axis: number; readonly descending: boolean };
  /** `[...batch, m, k] × [...batch, k, n]`, batch axes equal; either may be stored transposed. Sums start at +0, k ascends. */
  matmul: { readonly transposeA: boolean; readonly transposeB: boolean };
  /** Same elements in the same row-major order. */
  reshape: { readonly shape: Shape };
  /** Output axis i is input axis `perm[i]`. */
  transpose: { readonly perm: readonly number[] };
  /** Output element j of an axis is input element `start + j · step`, `step ≥ 1`. */
  slice: {
    readonly start: readonly number[];
    readonly size: readonly number[];
    readonly step: readonly number[];
  };
  /** `value` before, after, and `interior` times between neighbours of each axis. */
  pad: {
    readonly before: readonly number[];
    readonly after: readonly number[];
    readonly interior: readonly number[];
    readonly value: number;
  };
  /** Any number of inputs, alike but for `axis`. */
  concat: { readonly axis: number };
  /** numpy's rule: axes are aligned at the right, extent 1 is repeated. */
  broadcastTo: { readonly shape: Shape };
  /** `gather(x, indices: int32[n])`: picks along `axis`; an index outside [0, extent) is a KernelError. */
  gather: { readonly axis: number };
  /** `scatterAdd(y, indices: int32[n])`: the adjoint of `gather`: zeros of extent `size` on `axis`, contributions added in index order. */
  scatterAdd: { readonly axis: number; readonly size: number };
  /**
   * `conv(x, w)`: cross-correlation. Each output starts at +0 and adds, tap by tap in row-major order of the kernel and
   * inside a tap over the group's input channels ascending, the rounded products. A tap outside the input adds nothing,
   * also where the weight is not finite.
   */
  conv: ConvAttrs;
  /**
   * `convInputGrad(gy, w)`: adjoint of `conv` in x, and transposed convolution called forward. Each input element starts
   * at +0 and adds over the kernel's taps in row-major order, inside a tap over the group's output channels ascending.
   */
  convInputGrad: ConvAttrs & { readonly inputSize: readonly number[] };
  /**
   * `convWeightGrad(x, gy)`: adjoint of `conv` in w. Per sample, a partial sum starts at +0 and runs over the output
   * positions in row-major order; the partials are added in sample order to a total that starts at +0.
   */
  convWeightGrad: ConvAttrs & { readonly kernelSize: readonly number[] };
  /** Padding never wins; NaN does. A window with no tap inside the input (dilation can do it) gives −Infinity. */
  maxPool: PoolAttrs;
  /**
   * `maxPoolGrad(x, gy)`: each window's gradient goes to its first maximum in row-major order (the first NaN, if any);
   * an input element starts at +0 and adds what it gets in row-major order of the windows.
   */
  maxPoolGrad: PoolAttrs;
  /**
   * The window's sum, starting at +0, in row-major order over the taps inside the input, divided by the number of taps
   * (`countIncludePad`: those inside the padded input; otherwise those inside the input; at least 1).
   */
  avgPool: AvgPoolAttrs;
  /** `avgPoolGrad(gy)`: adjoint of `avgPool`; gy / count is rounded, then added in row-major order of the windows. */
  avgPoolGrad: AvgPoolAttrs & { readonly inputSize: readonly number[] };
}

export type OpName = keyof OpAttrs;

/**
 * What each primitive takes; each gives one output. `T` is a tensor in the form in which somebody has it: a `Tensor`, its
 * spec, a backend's operand.
 */
export interface OpInputs<T> {
  unary: readonly [x: T];
  binary: readonly [a: T, b: T];
  compare: readonly [a: T, b: T];
  select: readonly [condition: T, a: T, b: T];
  cast: readonly [x: T];
  reduce: readonly [x: T];
  argsort: readonly [x: T];
  matmul: readonly [a: T, b: T];
  reshape: readonly [x: T];
  transpose: readonly [x: T];
  slice: readonly [x: T];
  pad: readonly [x: T];
  concat: readonly T[];
  broadcastTo: readonly [x: T];
  gather: readonly [x: T, indices: T];
  scatterAdd: readonly [y: T, indices: T];
  conv: readonly [x: T, w: T];
  convInputGrad: readonly [gy: T, w: T];
  convWeightGrad: readonly [x: T, gy: T];
  maxPool: readonly [x: T];
  maxPoolGrad: readonly [x: T, gy: T];
  avgPool: readonly [x: T];
  avgPoolGrad: readonly [gy: T];
}

export type NoAttrs = Readonly<Record<string, never>>;

export type UnaryKind =
  | 'neg'
  | 'abs'
  | 'sign'
  | 'floor'
  | 'ceil'
  /** Half to even, as IEEE 754. */
  | 'round'
  /** Towards zero. */
  | 'trunc'
  | 'sqrt'
  | 'rsqrt'
  | 'reciprocal'
  | 'exp'
  | 'expm1'
  | 'log'
  | 'log1p'
  | 'tanh'
  | 'erf'
  | 'sigmoid'
  | 'relu'
  /** bool → bool. */
  | 'not';

export type BinaryKind = 'add' | 'sub' | 'mul' | 'div' | 'pow' | 'max' | 'min';
export type CompareKind = 'equal' | 'notEqual' | 'less' | 'lessEqual' | 'greater' | 'greaterEqual';
export type ReduceKind = 'sum' | 'max' | 'argmax';

/** Arrays have one entry per spatial axis (1, 2 or 3 of them). */
export interface ConvAttrs {
  readonly stride: readonly number[];
  /** Zeros before and after, per axis. */
  readonly padding: readonly (readonly [number, number])[];
  readonly dilation: readonly number[];
  readonly groups: number;
  readonly layout: Layout;
}

export interface PoolAttrs {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly (readonly [number, number])[];
  readonly dilation: readonly number[];
  /** Round the output extent up; a window that would start in the right-hand padding is dropped (PyTorch's rule). */
  readonly ceilMode: boolean;
  readonly layout: Layout;
}

export interface AvgPoolAttrs extends PoolAttrs {
  readonly countIncludePad: boolean;
}
