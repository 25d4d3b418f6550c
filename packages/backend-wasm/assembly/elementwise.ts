import { PIECE } from '../src/agreed';
import { boolBytes, putBools, storeUpTo } from './convert';
import { erf, exp, expm1, log, log1p, pow, relu, sigmoid, signOf, tanh } from './math';
import { element, firstOf, plane0, plane1, seek } from './walk';

/*
 * Vectors are processed whole: every buffer has 16 bytes of slack behind it, which may hold anything and be written.
 * Kinds are compile-time constants of the inlined loops, so each exported function is a loop of its own.
 * Those with one operand do elements `begin` to `end`, which are whole vectors but at the very end; those with two,
 * parts `begin` to `end` of a walk (walk.ts), and their last vector stops where the last part does.
 */

const NEG = 0;
const ABS = 1;
const SIGN = 2;
const FLOOR = 3;
const CEIL = 4;
const ROUND = 5;
const SQRT = 6;
const RSQRT = 7;
const RECIPROCAL = 8;
const EXP = 9;
const EXPM1 = 10;
const LOG = 11;
const LOG1P = 12;
const TANH = 13;
const ERF = 14;
const SIGMOID = 15;
const RELU = 16;
const INT_NEG = 17;
const INT_ABS = 18;
const INT_SIGN = 19;
const INT_RELU = 20;
const TRUNC = 21;

@inline
function unaryOf(kind: i32, x: v128): v128 {
  const one = f32x4.splat(1);
  const none = i32x4.splat(0);
  if (kind == NEG) return f32x4.neg(x);
  if (kind == ABS) return f32x4.abs(x);
  if (kind == SIGN) return signOf(x);
  if (kind == FLOOR) return f32x4.floor(x);
  if (kind == CEIL) return f32x4.ceil(x);
  if (kind == ROUND) return f32x4.nearest(x);
  if (kind == TRUNC) return f32x4.trunc(x);
  if (kind == SQRT) return f32x4.sqrt(x);
  if (kind == RSQRT) return f32x4.div(one, f32x4.sqrt(x));
  if (kind == RECIPROCAL) return f32x4.div(one, x);
  if (kind == EXP) return exp(x);
  if (kind == EXPM1) return expm1(x);
  if (kind == LOG) return log(x);
  if (kind == LOG1P) return log1p(x);
  if (kind == TANH) return tanh(x);
  if (kind == ERF) return erf(x);
  if (kind == SIGMOID) return sigmoid(x);
  if (kind == RELU) return relu(x);
  if (kind == INT_NEG) return i32x4.neg(x);
  if (kind == INT_ABS) return i32x4.abs(x);
  if (kind == INT_SIGN) return i32x4.sub(i32x4.lt_s(x, none), i32x4.gt_s(x, none));
  return i32x4.max_s(x, none);
}

@inline
function unary(kind: i32, x: usize, y: usize, begin: i32, end: i32): void {
  x = element(x, begin);
  const stop = element(y, end);
  for (y = element(y, begin); y < stop; y += 16, x += 16) v128.store(y, unaryOf(kind, v128.load(x)));
}

export function unary_neg(x: usize, y: usize, begin: i32, end: i32): void {
  unary(NEG, x, y, begin, end);
}
export function unary_abs(x: usize, y: usize, begin: i32, end: i32): void {
  unary(ABS, x, y, begin, end);
}
export function unary_sign(x: usize, y: usize, begin: i32, end: i32): void {
  unary(SIGN, x, y, begin, end);
}
export function unary_floor(x: usize, y: usize, begin: i32, end: i32): void {
  unary(FLOOR, x, y, begin, end);
}
export function unary_ceil(x: usize, y: usize, begin: i32, end: i32): void {
  unary(CEIL, x, y, begin, end);
}
export function unary_round(x: usize, y: usize, begin: i32, end: i32): void {
  unary(ROUND, x, y, begin, end);
}
export function unary_trunc(x: usize, y: usize, begin: i32, end: i32): void {
  unary(TRUNC, x, y, begin, end);
}
export function unary_sqrt(x: usize, y: usize, begin: i32, end: i32): void {
  unary(SQRT, x, y, begin, end);
}
export function unary_rsqrt(x: usize, y: usize, begin: i32, end: i32): void {
  unary(RSQRT, x, y, begin, end);
}
export function unary_reciprocal(x: usize, y: usize, begin: i32, end: i32): void {
  unary(RECIPROCAL, x, y, begin, end);
}
export function unary_exp(x: usize, y: usize, begin: i32, end: i32): void {
  unary(EXP, x, y, begin, end);
}
export function unary_expm1(x: usize, y: usize, begin: i32, end: i32): void {
  unary(EXPM1, x, y, begin, end);
}
export function unary_log(x: usize, y: usize, begin: i32, end: i32): void {
  unary(LOG, x, y, begin, end);
}
export function unary_log1p(x: usize, y: usize, begin: i32, end: i32): void {
  unary(LOG1P, x, y, begin, end);
}
export function unary_tanh(x: usize, y: usize, begin: i32, end: i32): void {
  unary(TANH, x, y, begin, end);
}
export function unary_erf(x: usize, y: usize, begin: i32, end: i32): void {
  unary(ERF, x, y, begin, end);
}
export function unary_sigmoid(x: usize, y: usize, begin: i32, end: i32): void {
  unary(SIGMOID, x, y, begin, end);
}
export function unary_relu(x: usize, y: usize, begin: i32, end: i32): void {
  unary(RELU, x, y, begin, end);
}
export function unary_int_neg(x: usize, y: usize, begin: i32, end: i32): void {
  unary(INT_NEG, x, y, begin, end);
}
export function unary_int_abs(x: usize, y: usize, begin: i32, end: i32): void {
  unary(INT_ABS, x, y, begin, end);
}
export function unary_int_sign(x: usize, y: usize, begin: i32, end: i32): void {
  unary(INT_SIGN, x, y, begin, end);
}
export function unary_int_relu(x: usize, y: usize, begin: i32, end: i32): void {
  unary(INT_RELU, x, y, begin, end);
}

export function unary_not(x: usize, y: usize, begin: i32, end: i32): void {
  x += begin;
  const stop = y + end;
  for (y += begin; y < stop; y += 16, x += 16) v128.store(y, v128.xor(v128.load(x), i8x16.splat(1)));
}

const ADD = 0;
const SUB = 1;
const MUL = 2;
const DIV = 3;
const MAX = 4;
const MIN = 5;
const POW = 6;
const INT_ADD = 7;
const INT_SUB = 8;
const INT_MUL = 9;
const INT_MAX = 10;
const INT_MIN = 11;
const EQUAL = 12;
const NOT_EQUAL = 13;
const LESS = 14;
const LESS_EQUAL = 15;
const INT_EQUAL = 16;
const INT_NOT_EQUAL = 17;
const INT_LESS = 18;
const INT_LESS_EQUAL = 19;
/* Of truth values, one byte each, 0 or 1. */
const AND = 20;
const OR = 21;
const BOOL_EQUAL = 22;
const BOOL_NOT_EQUAL = 23;
const BOOL_LESS = 24;
const BOOL_LESS_EQUAL = 25;

@inline
function binaryOf(kind: i32, a: v128, b: v128): v128 {
  if (kind == ADD) return f32x4.add(a, b);
  if (kind == SUB) return f32x4.sub(a, b);
  if (kind == MUL) return f32x4.mul(a, b);
  if (kind == DIV) return f32x4.div(a, b);
  if (kind == MAX) return f32x4.max(a, b);
  if (kind == MIN) return f32x4.min(a, b);
  if (kind == POW) return pow(a, b);
  if (kind == INT_ADD) return i32x4.add(a, b);
  if (kind == INT_SUB) return i32x4.sub(a, b);
  if (kind == INT_MUL) return i32x4.mul(a, b);
  if (kind == INT_MAX) return i32x4.max_s(a, b);
  if (kind == INT_MIN) return i32x4.min_s(a, b);
  if (kind == EQUAL) return f32x4.eq(a, b);
  if (kind == NOT_EQUAL) return f32x4.ne(a, b);
  if (kind == LESS) return f32x4.lt(a, b);
  if (kind == LESS_EQUAL) return f32x4.le(a, b);
  if (kind == INT_EQUAL) return i32x4.eq(a, b);
  if (kind == INT_NOT_EQUAL) return i32x4.ne(a, b);
  if (kind == INT_LESS) return i32x4.lt_s(a, b);
  return i32x4.le_s(a, b);
}

/** Stores four results, or four truth values as four bytes; nothing from `limit` on. */
@inline
function put(kind: i32, y: usize, r: v128, limit: usize): void {
  if (kind < EQUAL) {
    if (y + 16 <= limit) v128.store(y, r);
    else storeUpTo(y, r, limit);
  } else {
    if (y + 4 <= limit) putBools(y, r);
    else storeUpTo(y, boolBytes(r), limit);
  }
}

@inline
function putAll(kind: i32, y: usize, r: v128): void {
  if (kind < EQUAL) v128.store(y, r);
  else putBools(y, r);
}

/** Operands step by a0 and b0 inside a row, which are 1, or 0 (of one of them) where one element serves the whole row. */
@inline
function line(kind: i32, a: usize, a0: i32, b: usize, b0: i32, y: usize, n: i32, limit: usize): void {
  const size: usize = kind < EQUAL ? 4 : 1;
  const vector: usize = 4 * size;
  const whole = y + <usize>((n - 1) & ~3) * size;
  if (!b0) {
    const each = v128.load32_splat(b);
    for (; y < whole; y += vector, a += 16) putAll(kind, y, binaryOf(kind, v128.load(a), each));
    put(kind, y, binaryOf(kind, v128.load(a), each), limit);
  } else if (!a0) {
    const each = v128.load32_splat(a);
    for (; y < whole; y += vector, b += 16) putAll(kind, y, binaryOf(kind, each, v128.load(b)));
    put(kind, y, binaryOf(kind, each, v128.load(b)), limit);
  } else {
    for (; y < whole; y += vector, a += 16, b += 16) putAll(kind, y, binaryOf(kind, v128.load(a), v128.load(b)));
    put(kind, y, binaryOf(kind, v128.load(a), v128.load(b)), limit);
  }
}

/*
 * The loops of each kind, as functions of their own: all in one function, the compiler would not make `kind` a constant in
 * every loop, and choose for each vector instead of for each row.
 */

function lineAdd(a: usize, a0: i32, b: usize, b0: i32, y: usize, n: i32, limit: usize): void {
  line(ADD, a, a0, b, b0, y, n, limit);
}
function lineSub(a: usize, a0: i32, b: usize, b0: i32, y: usize, n: i32, limit: usize): void {
  line(SUB, a, a0, b, b0, y, n, limit);
}
function lineMul(a: usize, a0: i32, b: usize, b0: i32, y: usize, n: i32, limit: usize): void {
  line(MUL, a, a0, b, b0, y, n, limit);
}
function lineDiv(a: usize, a0: i32, b: usize, b0: i32, y: usize, n: i32, limit: usize): void {
  line(DIV, a, a0, b, b0, y, n, limit);
}
function lineMax(a: usize, a0: i32, b: usize, b0: i32, y: usize, n: i32, limit: usize): void {
  line(MAX, a, a0, b, b0, y, n, limit);
}
function lineMin(a: usize, a0: i32, b: usize, b0: i32, y: usize, n: i32, limit: usize): void {
  line(MIN, a, a0, b, b0, y, n, limit);
}
function linePow(a: usize, a0: i32, b: usize, b0: i32, y: usize, n: i32, limit: usize): void {
  line(POW, a, a0, b, b0, y, n, limit);
}
function lineIntAdd(a: usize, a0: i32, b: usize, b0: i32, y: usize, n: i32, limit: usize): void {
  line(INT_ADD, a, a0, b, b0, y, n, limit);
}
function lineIntSub(a: usize, a0: i32, b: usize, b0: i32, y: usize, n: i32, limit: usize): void {
  line(INT_SUB, a, a0, b, b0, y, n, limit);
}
function lineIntMul(a: usize, a0: i32, b: usize, b0: i32, y: usize, n: i32, limit: usize): void {
  line(INT_MUL, a, a0, b, b0, y, n, limit);
}
function lineIntMax(a: usize, a0: i32, b: usize, b0: i32, y: usize, n: i32, limit: usize): void {
  line(INT_MAX, a, a0, b, b0, y, n, limit);
}
function lineIntMin(a: usize, a0: i32, b: usize, b0: i32, y: usize, n: i32, limit: usize): void {
  line(INT_MIN, a, a0, b, b0, y, n, limit);
}
function lineEqual(a: usize, a0: i32, b: usize, b0: i32, y: usize, n: i32, limit: usize): void {
  line(EQUAL, a, a0, b, b0, y, n, limit);
}
function lineNotEqual(a: usize, a0: i32, b: usize, b0: i32, y: usize, n: i32, limit: usize): void {
  line(NOT_EQUAL, a, a0, b, b0, y, n, limit);
}
function lineLess(a: usize, a0: i32, b: usize, b0: i32, y: usize, n: i32, limit: usize): void {
  line(LESS, a, a0, b, b0, y, n, limit);
}
function lineLessEqual(a: usize, a0: i32, b: usize, b0: i32, y: usize, n: i32, limit: usize): void {
  line(LESS_EQUAL, a, a0, b, b0, y, n, limit);
}
function lineIntEqual(a: usize, a0: i32, b: usize, b0: i32, y: usize, n: i32, limit: usize): void {
  line(INT_EQUAL, a, a0, b, b0, y, n, limit);
}
function lineIntNotEqual(a: usize, a0: i32, b: usize, b0: i32, y: usize, n: i32, limit: usize): void {
  line(INT_NOT_EQUAL, a, a0, b, b0, y, n, limit);
}
function lineIntLess(a: usize, a0: i32, b: usize, b0: i32, y: usize, n: i32, limit: usize): void {
  line(INT_LESS, a, a0, b, b0, y, n, limit);
}
function lineIntLessEqual(a: usize, a0: i32, b: usize, b0: i32, y: usize, n: i32, limit: usize): void {
  line(INT_LESS_EQUAL, a, a0, b, b0, y, n, limit);
}

@inline
function boolsOf(kind: i32, a: v128, b: v128): v128 {
  if (kind == AND) return v128.and(a, b);
  if (kind == OR) return v128.or(a, b);
  if (kind == BOOL_NOT_EQUAL) return v128.xor(a, b);
  const one = i8x16.splat(1);
  if (kind == BOOL_EQUAL) return v128.xor(v128.xor(a, b), one);
  if (kind == BOOL_LESS) return v128.andnot(b, a);
  return v128.or(v128.xor(a, one), b);
}

/** One loop for all kinds: truth values are few bytes. */
function lineBools(kind: i32, a: usize, a0: i32, b: usize, b0: i32, y: usize, n: i32, limit: usize): void {
  for (const stop = y + n; y < stop; y += 16, a += 16 * a0, b += 16 * b0) {
    const u = a0 ? v128.load(a) : v128.load8_splat(a);
    const v = b0 ? v128.load(b) : v128.load8_splat(b);
    storeUpTo(y, boolsOf(kind, u, v), limit);
  }
}

/** The choice is made once per row. */
function anyLine(kind: i32, a: usize, a0: i32, b: usize, b0: i32, y: usize, n: i32, limit: usize): void {
  switch (kind) {
    case ADD:
      return lineAdd(a, a0, b, b0, y, n, limit);
    case SUB:
      return lineSub(a, a0, b, b0, y, n, limit);
    case MUL:
      return lineMul(a, a0, b, b0, y, n, limit);
    case DIV:
      return lineDiv(a, a0, b, b0, y, n, limit);
    case MAX:
      return lineMax(a, a0, b, b0, y, n, limit);
    case MIN:
      return lineMin(a, a0, b, b0, y, n, limit);
    case POW:
      return linePow(a, a0, b, b0, y, n, limit);
    case INT_ADD:
      return lineIntAdd(a, a0, b, b0, y, n, limit);
    case INT_SUB:
      return lineIntSub(a, a0, b, b0, y, n, limit);
    case INT_MUL:
      return lineIntMul(a, a0, b, b0, y, n, limit);
    case INT_MAX:
      return lineIntMax(a, a0, b, b0, y, n, limit);
    case INT_MIN:
      return lineIntMin(a, a0, b, b0, y, n, limit);
    case EQUAL:
      return lineEqual(a, a0, b, b0, y, n, limit);
    case NOT_EQUAL:
      return lineNotEqual(a, a0, b, b0, y, n, limit);
    case LESS:
      return lineLess(a, a0, b, b0, y, n, limit);
    case LESS_EQUAL:
      return lineLessEqual(a, a0, b, b0, y, n, limit);
    case INT_EQUAL:
      return lineIntEqual(a, a0, b, b0, y, n, limit);
    case INT_NOT_EQUAL:
      return lineIntNotEqual(a, a0, b, b0, y, n, limit);
    case INT_LESS:
      return lineIntLess(a, a0, b, b0, y, n, limit);
    case INT_LESS_EQUAL:
      return lineIntLessEqual(a, a0, b, b0, y, n, limit);
    default:
      return lineBools(kind, a, a0, b, b0, y, n, limit);
  }
}

/**
 * `kind` is one of the constants above, in the order of src/elementwise.ts. Operand a starts a row `a1` elements after the
 * one before, and inside a row steps by `a0`; b likewise. Rows are written in order, so what a row's last vector writes
 * past its end is overwritten by the next.
 */
export function binary(
  kind: i32,
  a: usize,
  a1: i32,
  a0: i32,
  b: usize,
  b1: i32,
  b0: i32,
  y: usize,
  rows: i32,
  columns: i32,
  outer: i32,
  table: usize,
  begin: i32,
  end: i32,
): void {
  const size: usize = kind < EQUAL ? 4 : 1;
  const shift = kind < AND ? 2 : 0;
  const pieces = (columns + PIECE - 1) / PIECE;
  const limit = y + <usize>firstOf(end, columns, pieces) * size;
  y += <usize>firstOf(begin, columns, pieces) * size;
  let column = (begin % pieces) * PIECE;
  let row = begin / pieces;
  let plane = row / rows;
  row %= rows;
  while (y < limit) {
    seek(table, outer, 2, plane++);
    let p = a + (<usize>(plane0 + row * a1) << shift);
    let q = b + (<usize>(plane1 + row * b1) << shift);
    for (; row < rows && y < limit; row++, column = 0) {
      const n = <i32>min(<usize>(columns - column), (limit - y) / size);
      const s = p + (<usize>(column * a0) << shift);
      const t = q + (<usize>(column * b0) << shift);
      anyLine(kind, s, a0, t, b0, y, n, limit);
      p += <usize>a1 << shift;
      q += <usize>b1 << shift;
      y += <usize>n * size;
    }
    row = 0;
  }
}
