import { type BinaryKind, type CompareKind, type Shape, sizeOf, type UnaryKind } from '@graftjs/core/backend';
import type { Compositions } from './compositions.ts';
import { view, type Info, type Tfjs } from './tfjs.ts';
import { binary, broadcast, choose, convert, fill, isNan, MOST_AXES, unary } from './vocabulary.ts';

type Float = Exclude<UnaryKind, 'not'>;
type Unary = (t: Tfjs, x: Info) => Info;
const kernel =
  (name: Parameters<typeof unary>[1]): Unary =>
  (t, x) =>
    unary(t, name, x);

const floats: Readonly<Record<Float, Unary>> = {
  neg: kernel('Neg'),
  abs: kernel('Abs'),
  // tfjs's gives 0 for NaN and for −0.
  sign(t, x) {
    const filled = (v: number): Info => fill(t, v, x.shape);
    const negative = choose(t, binary(t, 'Less', x, 0), filled(-1), x);
    return choose(t, binary(t, 'Greater', x, 0), filled(1), negative);
  },
  floor: kernel('Floor'),
  ceil: kernel('Ceil'),
  round: kernel('Round'),
  trunc: (t, x) => choose(t, binary(t, 'Less', x, 0), unary(t, 'Ceil', x), unary(t, 'Floor', x)),
  sqrt: kernel('Sqrt'),
  rsqrt: kernel('Rsqrt'),
  reciprocal: kernel('Reciprocal'),
  exp: kernel('Exp'),
  expm1: kernel('Expm1'),
  log: kernel('Log'),
  /**
   * tfjs's is log(1 + x), which is 0 for small x. Kahan's way: with u = 1 + x, rounded, it is log(u) · x / (u − 1), and x
   * where u is 1: what the rounding of u did to log(u) it did to u − 1, too. (Goldberg, What every computer scientist
   * should know about floating-point arithmetic, theorem 4.) The quotient is 1 where nothing was lost, ∞ included.
   */
  log1p(t, x) {
    const u = binary(t, 'Add', x, 1);
    const rest = binary(t, 'Sub', u, 1);
    const ratio = choose(t, binary(t, 'Equal', rest, x), fill(t, 1, x.shape), binary(t, 'RealDiv', x, rest));
    return choose(t, binary(t, 'Equal', u, 1), x, binary(t, 'Multiply', unary(t, 'Log', u), ratio));
  },
  tanh: kernel('Tanh'),
  erf: kernel('Erf'),
  /** XNNPACK's gives 0 below −87. As core's: 1 / (1 + e⁻ˣ), and eˣ itself below −40, where the two agree. */
  sigmoid(t, x) {
    const low = binary(t, 'Less', x, -40);
    const e = unary(t, 'Exp', choose(t, low, x, unary(t, 'Neg', x)));
    return choose(t, low, e, unary(t, 'Reciprocal', binary(t, 'Add', e, 1)));
  },
  relu: kernel('Relu'),
};

/** By kernels that wrap at 32 bits. */
const integers: Readonly<Record<'neg' | 'abs' | 'sign' | 'relu', Unary>> = {
  neg: (t, x) => binary(t, 'Sub', fill(t, 0, x.shape, 'int32'), x),
  abs: (t, x) => binary(t, 'Maximum', x, integers.neg(t, x)),
  sign(t, x) {
    const [positive, negative] = (['Greater', 'Less'] as const).map((name) =>
      convert(t, binary(t, name, x, 0), 'int32'),
    );
    return binary(t, 'Sub', positive!, negative!);
  },
  relu: (t, x) => binary(t, 'Maximum', x, 0),
};

const xnnpack = { add: 'Add', sub: 'Sub', mul: 'Multiply', div: 'RealDiv' } as const;
const arithmetic = { ...xnnpack, pow: 'Pow' } as const;
const extremes = { max: 'Maximum', min: 'Minimum' } as const;
const comparisons = {
  equal: 'Equal',
  notEqual: 'NotEqual',
  less: 'Less',
  lessEqual: 'LessEqual',
  greater: 'Greater',
  greaterEqual: 'GreaterEqual',
} as const satisfies Record<CompareKind, string>;

/**
 * tfjs's kernels give the first operand where the second is NaN, or where both are zeros; here NaN is looked for, and the
 * sign of zero is that of a sum: −0 only if both are. With a scalar that is neither, tfjs's are right.
 */
function extreme(t: Tfjs, kind: 'max' | 'min', a: Info, b: Info): Info {
  if (sizeOf(b.shape) === 1) {
    const c = t.read(b)[0]!;
    // XNNPACK's clamp would be quicker, but gives a limit for NaN.
    if (c !== 0 && c === c) return binary(t, extremes[kind], a, b);
    if (Object.is(c, 0) && kind === 'max') return unary(t, 'Relu', a);
  }
  const wins = binary(t, kind === 'max' ? 'Greater' : 'Less', a, b);
  const y = choose(t, binary(t, 'LogicalOr', wins, isNan(t, a)), a, broadcast(t, b, a.shape));
  const zeros = binary(t, 'LogicalAnd', binary(t, 'Equal', a, b), binary(t, 'Equal', a, 0));
  const signed =
    kind === 'max'
      ? binary(t, 'Add', a, b)
      : unary(t, 'Neg', binary(t, 'Add', unary(t, 'Neg', a), unary(t, 'Neg', b)));
  return choose(t, zeros, signed, y);
}

/** Both operands in the output's shape; a scalar second one stays as it is. */
function alike(t: Tfjs, a: Info, b: Info, shape: Shape): [Info, Info] {
  const scalar = sizeOf(b.shape) === 1;
  return [broadcast(t, a, shape), scalar ? view(b, []) : broadcast(t, b, shape)];
}

export const elementwise: Pick<Compositions, 'unary' | 'binary' | 'compare' | 'select' | 'cast'> = {
  unary(t, [x], { kind }) {
    if (kind === 'not') return unary(t, 'LogicalNot', x);
    return x.dtype === 'int32' ? integers[kind as keyof typeof integers](t, x) : floats[kind](t, x);
  },

  binary(t, inputs, { kind }, { shape, dtype }) {
    // XNNPACK broadcasts by itself, up to six axes.
    if (dtype === 'float32' && kind in xnnpack && shape.length <= MOST_AXES)
      return binary(t, xnnpack[kind as keyof typeof xnnpack], inputs[0], inputs[1]);
    const [a, b] = alike(t, inputs[0], inputs[1], shape);
    if (kind !== 'max' && kind !== 'min') return binary(t, arithmetic[kind], a, b);
    if (dtype === 'float32') return extreme(t, kind, a, b);
    if (dtype === 'bool') return binary(t, kind === 'max' ? 'LogicalOr' : 'LogicalAnd', a, b);
    return binary(t, extremes[kind satisfies BinaryKind], a, b);
  },

  compare(t, inputs, { kind }, { shape }) {
    const ints = inputs.map((x) => (x.dtype === 'bool' ? convert(t, x, 'int32') : x));
    const [a, b] = alike(t, ints[0]!, ints[1]!, shape);
    return binary(t, comparisons[kind], a, b);
  },

  select(t, inputs, _, { shape }) {
    const [condition, a, b] = inputs.map((x) => broadcast(t, x, shape)) as [Info, Info, Info];
    return choose(t, condition, a, b);
  },

  cast(t, [x], { dtype }) {
    if (x.dtype === dtype) return x;
    if (dtype === 'bool') return binary(t, 'NotEqual', x, 0);
    if (dtype === 'int32' && x.dtype === 'float32') return truncate(t, x);
    return convert(t, x, dtype);
  },
};

/** Towards zero; NaN gives 0; what does not fit, the nearest int32 (2³¹ − 1 is no float32, so it is put in afterwards). */
function truncate(t: Tfjs, x: Info): Info {
  const number = choose(t, isNan(t, x), fill(t, 0, x.shape), x);
  const large = binary(t, 'GreaterEqual', number, 2 ** 31);
  const small = binary(t, 'Less', number, -(2 ** 31));
  const fits = choose(t, binary(t, 'LogicalOr', large, small), fill(t, 0, x.shape), number);
  const upper = choose(t, large, fill(t, 2 ** 31 - 1, x.shape, 'int32'), convert(t, fits, 'int32'));
  return choose(t, small, fill(t, -(2 ** 31), x.shape, 'int32'), upper);
}
