import { composite, customVjp, defineOp, type Primitive } from '../op.ts';
import type { BinaryKind, CompareKind, UnaryKind } from '../primitives.ts';
import { isTensor, type Tensor, type TensorLike } from '../tensor.ts';
import { DTYPES, sizeOf, type DType } from '../types.ts';
import { broadcastShapes, fail, wantDtype, wantOneOf } from './check.ts';
import { lift } from './lift.ts';
import { ops } from './bound.ts';

const INT_KINDS = new Set<UnaryKind>(['neg', 'abs', 'sign', 'relu']);

export const unaryOp: Primitive<'unary'> = /* @__PURE__ */ defineOp({
  name: 'unary',
  infer([x], { kind }) {
    if (kind === 'not') wantDtype('not', 'input', x, 'bool');
    else if (INT_KINDS.has(kind)) wantDtype(kind, 'input', x, 'float32', 'int32');
    else wantDtype(kind, 'input', x, 'float32');
    return { dtype: x.dtype, shape: x.shape };
  },
  vjp({ inputs: [x], y, gy, attrs }) {
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
      default: // sign, floor, ceil, round, trunc: flat almost everywhere
        return [null];
    }
  },
  flops: ([x]) => sizeOf(x.shape),
});

export const binaryOp: Primitive<'binary'> = /* @__PURE__ */ defineOp({
  name: 'binary',
  infer([a, b], { kind }) {
    if (a.dtype !== b.dtype) fail(kind, `dtypes differ (${a.dtype} and ${b.dtype}): convert one with cast()`);
    if (kind === 'div' || kind === 'pow') wantDtype(kind, 'inputs', a, 'float32');
    else if (kind !== 'max' && kind !== 'min') wantDtype(kind, 'inputs', a, 'float32', 'int32');
    return { dtype: a.dtype, shape: broadcastShapes(kind, a.shape, b.shape) };
  },
  vjp({ inputs: [a, b], y, gy, attrs, needs }) {
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

export const compareOp: Primitive<'compare'> = /* @__PURE__ */ defineOp({
  name: 'compare',
  infer([a, b], { kind }) {
    if (a.dtype !== b.dtype) fail(kind, `dtypes differ (${a.dtype} and ${b.dtype}): convert one with cast()`);
    return { dtype: 'bool', shape: broadcastShapes(kind, a.shape, b.shape) };
  },
  vjp: () => [null, null],
  flops: (_, __, y) => sizeOf(y.shape),
});

export const selectOp: Primitive<'select'> = /* @__PURE__ */ defineOp({
  name: 'select',
  infer([condition, a, b]) {
    wantDtype('select', 'condition', condition, 'bool');
    if (a.dtype !== b.dtype)
      fail('select', `branches differ in dtype (${a.dtype} and ${b.dtype}): convert one with cast()`);
    return { dtype: a.dtype, shape: broadcastShapes('select', condition.shape, a.shape, b.shape) };
  },
  vjp({ inputs: [condition, a, b], gy, needs }) {
    return [
      null,
      needs[1] ? ops.sumTo(select(condition, gy, 0), a.shape) : null,
      needs[2] ? ops.sumTo(select(condition, 0, gy), b.shape) : null,
    ];
  },
  flops: () => 0,
});

export const castOp: Primitive<'cast'> = /* @__PURE__ */ defineOp({
  name: 'cast',
  infer([x], { dtype }) {
    wantOneOf('cast', 'dtype', dtype, DTYPES);
    return { dtype, shape: x.shape };
  },
  // float32 → float32 only: the tape follows no integers.
  vjp: ({ inputs: [x], gy }) => [x.dtype === 'float32' && gy.dtype === 'float32' ? gy : null],
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

/**
 * −x, element by element.
 * @param x Any shape, float32 or int32.
 * @throws ShapeError where x is bool.
 * @example
 * neg(tensor([1, -2])); // → [-1, 2]
 */
export const neg: Unary = unary('neg');

/**
 * |x|, element by element; the gradient at 0 is 0.
 * @param x Any shape, float32 or int32.
 * @throws ShapeError where x is bool.
 * @example
 * abs(tensor([1, -2])); // → [1, 2]
 */
export const abs: Unary = unary('abs');

/**
 * −1, 0 or 1, element by element; the gradient is 0.
 * @param x Any shape, float32 or int32.
 * @throws ShapeError where x is bool.
 * @example
 * sign(tensor([-3, 0, 5])); // → [-1, 0, 1]
 */
export const sign: Unary = unary('sign');

/**
 * The greatest integer that is not above x, element by element; the gradient is 0.
 * @param x Any shape, float32.
 * @throws ShapeError where x is not float32.
 * @example
 * floor(tensor([1.5, -1.5])); // → [1, -2]
 */
export const floor: Unary = unary('floor');

/**
 * The least integer that is not below x, element by element; the gradient is 0.
 * @param x Any shape, float32.
 * @throws ShapeError where x is not float32.
 * @example
 * ceil(tensor([1.5, -1.5])); // → [2, -1]
 */
export const ceil: Unary = unary('ceil');

/**
 * To the nearest integer, halves to even as in PyTorch and unlike `Math.round`; the gradient is 0.
 * @param x Any shape, float32.
 * @throws ShapeError where x is not float32.
 * @example
 * round(tensor([0.5, 1.5, 1.7])); // → [0, 2, 2]
 */
export const round: Unary = unary('round');

/**
 * The integer part, towards zero, element by element; the gradient is 0.
 * @param x Any shape, float32.
 * @throws ShapeError where x is not float32.
 * @example
 * trunc(tensor([1.7, -1.7])); // → [1, -1]
 */
export const trunc: Unary = unary('trunc');

/**
 * √x, element by element; NaN below 0.
 * @param x Any shape, float32.
 * @throws ShapeError where x is not float32.
 * @example
 * sqrt(tensor([4, 9])); // → [2, 3]
 */
export const sqrt: Unary = unary('sqrt');

/**
 * 1 / √x, element by element.
 * @param x Any shape, float32.
 * @throws ShapeError where x is not float32.
 * @example
 * rsqrt(tensor([4, 16])); // → [0.5, 0.25]
 */
export const rsqrt: Unary = unary('rsqrt');

/**
 * 1 / x, element by element.
 * @param x Any shape, float32.
 * @throws ShapeError where x is not float32.
 * @example
 * reciprocal(tensor([2, -4])); // → [0.5, -0.25]
 */
export const reciprocal: Unary = unary('reciprocal');

/**
 * eˣ, element by element; the same bits on cpu and wasm, from a polynomial of core.
 * @param x Any shape, float32.
 * @throws ShapeError where x is not float32.
 * @example
 * exp(tensor([0, 1])); // → [1, 2.71828]
 */
export const exp: Unary = unary('exp');

/**
 * exp(x) − 1, accurate near 0.
 * @param x Any shape, float32.
 * @throws ShapeError where x is not float32.
 * @example
 * expm1(tensor([0, 1])); // → [0, 1.71828]
 */
export const expm1: Unary = unary('expm1');

/**
 * Natural logarithm, element by element: −∞ at 0, NaN below.
 * @param x Any shape, float32.
 * @throws ShapeError where x is not float32.
 * @example
 * log(tensor([1, 10])); // → [0, 2.302585]
 */
export const log: Unary = unary('log');

/**
 * log(1 + x), accurate near 0.
 * @param x Any shape, float32.
 * @throws ShapeError where x is not float32.
 * @example
 * log1p(tensor([0, 1])); // → [0, 0.693147]
 */
export const log1p: Unary = unary('log1p');

/**
 * Hyperbolic tangent, element by element.
 * @param x Any shape, float32.
 * @throws ShapeError where x is not float32.
 * @example
 * tanh(tensor([0, 1])); // → [0, 0.76159]
 */
export const tanh: Unary = unary('tanh');

/**
 * The error function, 2/√π ∫₀ˣ exp(−t²) dt.
 * @param x Any shape, float32.
 * @throws ShapeError where x is not float32.
 * @example
 * erf(tensor([0, 1])); // → [0, 0.8427]
 */
export const erf: Unary = unary('erf');

/**
 * 1 / (1 + exp(−x)), the logistic function.
 * @param x Any shape, float32.
 * @throws ShapeError where x is not float32.
 * @example
 * sigmoid(tensor([0, 2])); // → [0.5, 0.8808]
 */
export const sigmoid: Unary = unary('sigmoid');

/**
 * max(x, 0); its gradient at 0 is 0.
 * @param x Any shape, float32 or int32.
 * @throws ShapeError where x is bool.
 * @example
 * relu(tensor([-1, 0, 2])); // → [0, 0, 2]
 */
export const relu: Unary = unary('relu');

/**
 * True where x is false.
 * @param x Any shape, bool.
 * @throws ShapeError where x is not bool.
 * @example
 * logicalNot(greater(tensor([1, 3]), 2)); // → [1, 0]
 */
export const logicalNot: Unary = unary('not');

/**
 * a + b, with broadcasting.
 * @param a Any shape, float32 or int32; a number is a scalar of the other operand's dtype.
 * @param b A shape that broadcasts with a's, the same dtype.
 * @returns The broadcast shape.
 * @throws ShapeError where the shapes do not broadcast, the dtypes differ, or they are bool, or both are numbers.
 * @example
 * add(tensor([[1, 2], [3, 4]]), tensor([10, 20])); // → [[11, 22], [13, 24]]
 */
export const add: Binary = binary('add');

/**
 * a − b, with broadcasting.
 * @param a Any shape, float32 or int32; a number is a scalar of the other operand's dtype.
 * @param b A shape that broadcasts with a's, the same dtype.
 * @returns The broadcast shape.
 * @throws ShapeError where the shapes do not broadcast, the dtypes differ, or they are bool, or both are numbers.
 * @example
 * sub(1, tensor([0.25, 2])); // → [0.75, -1]
 */
export const sub: Binary = binary('sub');

/**
 * a · b, element by element, with broadcasting; `matmul` is the matrix product.
 * @param a Any shape, float32 or int32; a number is a scalar of the other operand's dtype.
 * @param b A shape that broadcasts with a's, the same dtype.
 * @returns The broadcast shape.
 * @throws ShapeError where the shapes do not broadcast, the dtypes differ, or they are bool, or both are numbers.
 * @example
 * mul(tensor([[1], [2]]), tensor([3, 4])); // → [[3, 4], [6, 8]]
 */
export const mul: Binary = binary('mul');

/**
 * a / b, with broadcasting; ±∞ or NaN where b is 0.
 * @param a Any shape, float32; a number is a scalar of the other operand's dtype.
 * @param b A shape that broadcasts with a's, the same dtype.
 * @returns The broadcast shape.
 * @throws ShapeError where the shapes do not broadcast, the dtypes differ, or they are not float32, or both are numbers.
 * @example
 * div(tensor([1, 3]), 2); // → [0.5, 1.5]
 */
export const div: Binary = binary('div');

/**
 * a to the power of b, with broadcasting. The gradient in b takes 0 for 0 · log 0.
 * @param a Any shape, float32; a number is a scalar of the other operand's dtype.
 * @param b A shape that broadcasts with a's, the same dtype.
 * @returns The broadcast shape.
 * @throws ShapeError where the shapes do not broadcast, the dtypes differ, or they are not float32, or both are numbers.
 * @example
 * pow(tensor([1, 2, 3]), 2); // → [1, 4, 9]
 */
export const pow: Binary = binary('pow');

/**
 * The larger of a and b, with broadcasting; of equal ones each gets half of the gradient. `max` reduces one tensor.
 * @param a Any shape, any dtype; a number is a scalar of the other operand's dtype.
 * @param b A shape that broadcasts with a's, the same dtype.
 * @returns The broadcast shape.
 * @throws ShapeError where the shapes do not broadcast, the dtypes differ, or both are numbers.
 * @example
 * maximum(tensor([1, 5]), 3); // → [3, 5]
 */
export const maximum: Binary = binary('max');

/**
 * The smaller of a and b, with broadcasting; of equal ones each gets half of the gradient. `min` reduces one tensor.
 * @param a Any shape, any dtype; a number is a scalar of the other operand's dtype.
 * @param b A shape that broadcasts with a's, the same dtype.
 * @returns The broadcast shape.
 * @throws ShapeError where the shapes do not broadcast, the dtypes differ, or both are numbers.
 * @example
 * minimum(tensor([1, 5]), 3); // → [1, 3]
 */
export const minimum: Binary = binary('min');

/**
 * Both, with broadcasting.
 * @param a Any shape, bool; a number is a scalar of the other operand's dtype.
 * @param b A shape that broadcasts with a's, the same dtype.
 * @returns The broadcast shape.
 * @throws ShapeError where the shapes do not broadcast, the dtypes differ, or both are numbers.
 * @example
 * const x = tensor([1, 2, 3]);
 * logicalAnd(greater(x, 1), less(x, 3)); // → [0, 1, 0]
 */
export const logicalAnd: Binary = binary('min');

/**
 * Either or both, with broadcasting.
 * @param a Any shape, bool; a number is a scalar of the other operand's dtype.
 * @param b A shape that broadcasts with a's, the same dtype.
 * @returns The broadcast shape.
 * @throws ShapeError where the shapes do not broadcast, the dtypes differ, or both are numbers.
 * @example
 * const x = tensor([1, 2, 3]);
 * logicalOr(less(x, 2), greater(x, 2)); // → [1, 0, 1]
 */
export const logicalOr: Binary = binary('max');

/**
 * a = b, with broadcasting; NaN equals nothing.
 * @param a Any shape, any dtype; a number is a scalar of the other operand's dtype.
 * @param b A shape that broadcasts with a's, the same dtype.
 * @returns The broadcast shape, bool.
 * @throws ShapeError where the shapes do not broadcast, the dtypes differ, or both are numbers.
 * @example
 * equal(tensor([1, 2]), 2); // → [0, 1]
 */
export const equal: Binary = compare('equal');

/**
 * a ≠ b, with broadcasting; true where one is NaN.
 * @param a Any shape, any dtype; a number is a scalar of the other operand's dtype.
 * @param b A shape that broadcasts with a's, the same dtype.
 * @returns The broadcast shape, bool.
 * @throws ShapeError where the shapes do not broadcast, the dtypes differ, or both are numbers.
 * @example
 * notEqual(tensor([1, 2]), 2); // → [1, 0]
 */
export const notEqual: Binary = compare('notEqual');

/**
 * a < b, with broadcasting; false where one is NaN.
 * @param a Any shape, any dtype; a number is a scalar of the other operand's dtype.
 * @param b A shape that broadcasts with a's, the same dtype.
 * @returns The broadcast shape, bool.
 * @throws ShapeError where the shapes do not broadcast, the dtypes differ, or both are numbers.
 * @example
 * less(tensor([1, 2, 3]), 2); // → [1, 0, 0]
 */
export const less: Binary = compare('less');

/**
 * a ≤ b, with broadcasting; false where one is NaN.
 * @param a Any shape, any dtype; a number is a scalar of the other operand's dtype.
 * @param b A shape that broadcasts with a's, the same dtype.
 * @returns The broadcast shape, bool.
 * @throws ShapeError where the shapes do not broadcast, the dtypes differ, or both are numbers.
 * @example
 * lessEqual(tensor([1, 2, 3]), 2); // → [1, 1, 0]
 */
export const lessEqual: Binary = compare('lessEqual');

/**
 * a > b, with broadcasting; false where one is NaN.
 * @param a Any shape, any dtype; a number is a scalar of the other operand's dtype.
 * @param b A shape that broadcasts with a's, the same dtype.
 * @returns The broadcast shape, bool.
 * @throws ShapeError where the shapes do not broadcast, the dtypes differ, or both are numbers.
 * @example
 * greater(tensor([1, 2, 3]), 2); // → [0, 0, 1]
 */
export const greater: Binary = compare('greater');

/**
 * a ≥ b, with broadcasting; false where one is NaN.
 * @param a Any shape, any dtype; a number is a scalar of the other operand's dtype.
 * @param b A shape that broadcasts with a's, the same dtype.
 * @returns The broadcast shape, bool.
 * @throws ShapeError where the shapes do not broadcast, the dtypes differ, or both are numbers.
 * @example
 * greaterEqual(tensor([1, 2, 3]), 2); // → [0, 1, 1]
 */
export const greaterEqual: Binary = compare('greaterEqual');

/**
 * `condition ? a : b`, element by element; PyTorch's `where`. What is not chosen gets a gradient of 0, even where it is NaN.
 * @param condition Any shape, bool.
 * @param a A shape that broadcasts with the others, or a number.
 * @param b The same, of a's dtype.
 * @returns The broadcast shape.
 * @throws ShapeError where condition is not bool, the dtypes of a and b differ, or the shapes do not broadcast.
 * @example
 * const x = tensor([-1, 4]);
 * select(greater(x, 0), sqrt(x), 0); // → [0, 2]
 */
export function select(condition: Tensor, a: TensorLike, b: TensorLike): Tensor {
  return lifted('select', a, b, ([x, y]) => selectOp.apply([condition, x, y], {}));
}

/**
 * The same values in another dtype; float32 → int32 truncates towards zero. Only float32 carries a gradient.
 * @param x Any shape.
 * @throws ShapeError where the dtype is not one of `'float32'`, `'int32'`, `'bool'`.
 * @example
 * cast(tensor([1.7, -1.7]), 'int32'); // → [1, -1]
 */
export function cast(x: Tensor, dtype: DType): Tensor {
  return x.dtype === dtype ? x : castOp.apply([x], { dtype });
}

/**
 * Limits values to [low, high]; the gradient is 1 inside and on the limits, 0 outside. PyTorch's `clamp`.
 * @param x Any shape, float32.
 * @throws ShapeError where x is no tensor.
 * @example
 * clip(tensor([-2, 0.5, 9]), 0, 1); // → [0, 0.5, 1]
 */
export function clip(x: Tensor, low: number, high: number): Tensor {
  return customVjp(
    'clip',
    [x],
    () => [minimum(maximum(x, low), high)],
    ({ gy }) => [select(logicalAnd(greaterEqual(x, low), lessEqual(x, high)), gy, 0)],
    { low, high },
  )[0]!;
}
