import { composite, customVjp, defineOp, type Primitive } from '../op.ts';
import type { BinaryKind, CompareKind, UnaryKind } from '../primitives.ts';
import { isTensor, type Tensor, type TensorLike } from '../tensor.ts';
import { DTYPES, sizeOf, type DType } from '../types.ts';
import { broadcastShapes, fail, wantDtype, wantOneOf } from './check.ts';
import { lift } from './create.ts';
import { ops } from './bound.ts';

const INT_KINDS = new Set<UnaryKind>(['neg', 'abs', 'sign', 'relu']);

export const unaryOp: Primitive<'unary'> = defineOp({
  name: 'unary',
  infer([x], { kind }) {
    if (kind === 'not') wantDtype('not', 'input', x!, 'bool');
    else if (INT_KINDS.has(kind)) wantDtype(kind, 'input', x!, 'float32', 'int32');
    else wantDtype(kind, 'input', x!, 'float32');
    return { dtype: x!.dtype, shape: x!.shape };
  },
  vjp({ inputs, outputs, gy, attrs }) {
    const x = inputs[0]!;
    const y = outputs[0]!;
    switch (attrs.kind) {
      case 'neg':
        return [neg(gy)];
      case 'abs':
        return [mul(gy, sign(x))];
      case 'sqrt':
        return [div(mul(gy, 0.5), y)];
      case 'rsqrt': // y' = −½ y³
        return [mul(mul(gy, -0.5), mul(mul(y, y), y))];
      case 'reciprocal': // y' = −y²
        return [neg(mul(gy, mul(y, y)))];
      case 'exp':
        return [mul(gy, y)];
      case 'expm1':
        return [mul(gy, exp(x))];
      case 'log':
        return [div(gy, x)];
      case 'log1p':
        return [div(gy, add(x, 1))];
      case 'tanh':
        return [mul(gy, sub(1, mul(y, y)))];
      case 'erf': // 2/√π · exp(−x²)
        return [mul(gy, mul(exp(neg(mul(x, x))), 2 / Math.sqrt(Math.PI)))];
      case 'sigmoid':
        return [mul(gy, mul(y, sub(1, y)))];
      case 'relu': // 0 at 0, as PyTorch and TensorFlow.js
        return [select(greater(x, 0), gy, 0)];
      default: // sign, floor, ceil, round: flat almost everywhere
        return [null];
    }
  },
  flops: ([x]) => sizeOf(x!.shape),
});

export const binaryOp: Primitive<'binary'> = defineOp({
  name: 'binary',
  infer([a, b], { kind }) {
    if (a!.dtype !== b!.dtype)
      fail(kind, `dtypes differ (${a!.dtype} and ${b!.dtype}): convert one with cast()`);
    if (kind === 'div' || kind === 'pow') wantDtype(kind, 'inputs', a!, 'float32');
    else if (kind !== 'max' && kind !== 'min') wantDtype(kind, 'inputs', a!, 'float32', 'int32');
    return { dtype: a!.dtype, shape: broadcastShapes(kind, a!.shape, b!.shape) };
  },
  vjp({ inputs, outputs, gy, attrs, needs }) {
    const [a, b] = inputs as [Tensor, Tensor];
    const y = outputs[0]!;
    const toA = (g: () => Tensor): Tensor | null => (needs[0] ? ops.sumTo(g(), a.shape) : null);
    const toB = (g: () => Tensor): Tensor | null => (needs[1] ? ops.sumTo(g(), b.shape) : null);
    switch (attrs.kind) {
      case 'add':
        return [toA(() => gy), toB(() => gy)];
      case 'sub':
        return [toA(() => gy), toB(() => neg(gy))];
      case 'mul':
        return [toA(() => mul(gy, b)), toB(() => mul(gy, a))];
      case 'div':
        return [toA(() => div(gy, b)), toB(() => neg(div(mul(gy, y), b)))];
      case 'pow': {
        // b · a^(b − 1) is 0 · ∞ where b is 0 and a is 0, or so small that its reciprocal overflows: there a^0 stands for it.
        const flat = (): Tensor => logicalAnd(equal(b, 0), logicalNot(greaterEqual(abs(a), 1e-37)));
        // 0^b is 0 (or 1) for all b ≥ 0 that are near, so its derivative in b is 0, not 0 · log 0.
        const zero = (): Tensor => logicalAnd(equal(a, 0), greaterEqual(b, 0));
        return [
          toA(() => mul(gy, mul(b, pow(a, select(flat(), 0, sub(b, 1)))))),
          toB(() => mul(gy, mul(y, log(select(zero(), 1, a))))),
        ];
      }
      case 'max': // a tie gives half to each, as PyTorch
      case 'min': {
        const wins = attrs.kind === 'max' ? greater : less;
        const half = select(equal(a, b), mul(gy, 0.5), 0);
        return [toA(() => select(wins(a, b), gy, half)), toB(() => select(wins(b, a), gy, half))];
      }
    }
  },
  flops: (_, __, y) => sizeOf(y.shape),
});

export const compareOp: Primitive<'compare'> = defineOp({
  name: 'compare',
  infer([a, b], { kind }) {
    if (a!.dtype !== b!.dtype)
      fail(kind, `dtypes differ (${a!.dtype} and ${b!.dtype}): convert one with cast()`);
    return { dtype: 'bool', shape: broadcastShapes(kind, a!.shape, b!.shape) };
  },
  vjp: () => [null, null],
  flops: (_, __, y) => sizeOf(y.shape),
});

export const selectOp: Primitive<'select'> = defineOp({
  name: 'select',
  infer([condition, a, b]) {
    wantDtype('select', 'condition', condition!, 'bool');
    if (a!.dtype !== b!.dtype)
      fail('select', `branches differ in dtype (${a!.dtype} and ${b!.dtype}): convert one with cast()`);
    return { dtype: a!.dtype, shape: broadcastShapes('select', condition!.shape, a!.shape, b!.shape) };
  },
  vjp({ inputs, gy, needs }) {
    const [condition, a, b] = inputs as [Tensor, Tensor, Tensor];
    return [
      null,
      needs[1] ? ops.sumTo(select(condition, gy, 0), a.shape) : null,
      needs[2] ? ops.sumTo(select(condition, 0, gy), b.shape) : null,
    ];
  },
  flops: () => 0,
});

export const castOp: Primitive<'cast'> = defineOp({
  name: 'cast',
  infer([x], { dtype }) {
    wantOneOf('cast', 'dtype', dtype, DTYPES);
    return { dtype, shape: x!.shape };
  },
  // float32 → float32 only: the tape follows no integers.
  vjp: ({ inputs, gy }) => [inputs[0]!.dtype === 'float32' && gy.dtype === 'float32' ? gy : null],
  flops: () => 0,
});

// Bundlers leave out what such a call makes and nobody uses.
/* @__NO_SIDE_EFFECTS__ */
const unary =
  (kind: UnaryKind) =>
  (x: Tensor): Tensor =>
    unaryOp.apply([x], { kind });

/** Operands of a binary op: at least one is a tensor, a number takes its dtype and backend. */
function pair(kind: string, a: TensorLike, b: TensorLike): [Tensor, Tensor] {
  if (isTensor(a)) return [a, lift(b, a)];
  if (isTensor(b)) return [lift(a, b), b];
  return fail(kind, 'one operand must be a tensor');
}
/** Carries out an op on the operands of `pair`. The scalar that a number became goes with it, unless a tape holds it. */
function lifted(
  kind: string,
  a: TensorLike,
  b: TensorLike,
  op: (operands: [Tensor, Tensor]) => Tensor,
): Tensor {
  return isTensor(a) && isTensor(b) ? op([a, b]) : composite(() => op(pair(kind, a, b)));
}
/* @__NO_SIDE_EFFECTS__ */
const binary =
  (kind: BinaryKind) =>
  (a: TensorLike, b: TensorLike): Tensor =>
    lifted(kind, a, b, (operands) => binaryOp.apply(operands, { kind }));
/* @__NO_SIDE_EFFECTS__ */
const compare =
  (kind: CompareKind) =>
  (a: TensorLike, b: TensorLike): Tensor =>
    lifted(kind, a, b, (operands) => compareOp.apply(operands, { kind }));

type Unary = (x: Tensor) => Tensor;
/** With broadcasting; a number stands for a scalar of the other operand's dtype. */
type Binary = (a: TensorLike, b: TensorLike) => Tensor;

export const neg: Unary = unary('neg');
export const abs: Unary = unary('abs');
/** −1, 0 or 1. */
export const sign: Unary = unary('sign');
export const floor: Unary = unary('floor');
export const ceil: Unary = unary('ceil');
/** To the nearest integer, halves to even. */
export const round: Unary = unary('round');
export const sqrt: Unary = unary('sqrt');
/** 1 / √x. */
export const rsqrt: Unary = unary('rsqrt');
export const reciprocal: Unary = unary('reciprocal');
export const exp: Unary = unary('exp');
/** exp(x) − 1, accurate near 0. */
export const expm1: Unary = unary('expm1');
export const log: Unary = unary('log');
/** log(1 + x), accurate near 0. */
export const log1p: Unary = unary('log1p');
export const tanh: Unary = unary('tanh');
/** The error function, 2/√π ∫₀ˣ exp(−t²) dt. */
export const erf: Unary = unary('erf');
/** 1 / (1 + exp(−x)). */
export const sigmoid: Unary = unary('sigmoid');
/** max(x, 0); its gradient at 0 is 0. */
export const relu: Unary = unary('relu');
export const logicalNot: Unary = unary('not');

export const add: Binary = binary('add');
export const sub: Binary = binary('sub');
export const mul: Binary = binary('mul');
export const div: Binary = binary('div');
export const pow: Binary = binary('pow');
export const maximum: Binary = binary('max');
export const minimum: Binary = binary('min');
export const logicalAnd: Binary = binary('min');
export const logicalOr: Binary = binary('max');

export const equal: Binary = compare('equal');
export const notEqual: Binary = compare('notEqual');
export const less: Binary = compare('less');
export const lessEqual: Binary = compare('lessEqual');
export const greater: Binary = compare('greater');
export const greaterEqual: Binary = compare('greaterEqual');

/** `condition ? a : b`, element by element, all three broadcast. */
export function select(condition: Tensor, a: TensorLike, b: TensorLike): Tensor {
  return lifted('select', a, b, ([x, y]) => selectOp.apply([condition, x, y], {}));
}

/** Another dtype; float → int truncates towards zero. */
export function cast(x: Tensor, dtype: DType): Tensor {
  return x.dtype === dtype ? x : castOp.apply([x], { dtype });
}

/** Limits values to [low, high]; the gradient is 1 inside and on the limits, 0 outside. */
export function clip(x: Tensor, low: number, high: number): Tensor {
  return customVjp(
    'clip',
    [x],
    () => [minimum(maximum(x, low), high)],
    ({ gy }) => [select(logicalAnd(greaterEqual(x, low), lessEqual(x, high)), gy, 0)],
    { low, high },
  )[0]!;
}
