import { Random } from '@graftjs/core';
import {
  type Backend,
  type BinaryKind,
  float32,
  type OpName,
  type TypedArray,
  type UnaryKind,
} from '@graftjs/core/backend';
import type { GlBuffer } from './buffer.ts';

/** How a device rounds, as far as trying shows; errors in ulp, the distance of neighbouring float32 numbers. */
export interface Rounding {
  /** Bits of the significand: 24 for float32. */
  readonly significand: number;
  /**
   * Of an addition, subtraction or multiplication: ½ where all that were tried were rounded to nearest, otherwise 1: GLSL ES
   * 3.00, 4.5.1, has them correctly rounded and leaves the direction open.
   */
  readonly arithmetic: number;
  /** Of a division: ½ likewise, or 2.5, ibid. */
  readonly division: number;
  /** Of a square root: ½ likewise, or 5, that of 1 / inversesqrt, ibid.: 2 ulp, and a division. */
  readonly sqrt: number;
  /** Smallest positive number: 2⁻¹⁴⁹, or 2⁻¹²⁶ where subnormal numbers are flushed to zero, which GLSL allows. */
  readonly smallest: number;
  /** Do exp, log, pow and the others give core's own bits? Then their errors are `MAX_ULP`. */
  readonly functions: boolean;
}

const TRIED = 4096;

const FUNCTIONS = ['exp', 'expm1', 'log', 'log1p', 'tanh', 'erf', 'sigmoid'] as const;

/** Tries the arithmetic on numbers of many sizes whose float32 results JavaScript knows. */
export async function measureRounding(backend: Backend<GlBuffer>, significand: number): Promise<Rounding> {
  const random = new Random(1, 'rounding');
  const spread = (most: number): Float32Array =>
    Float32Array.from(
      { length: TRIED },
      () => (1 + random.uniform()) * 2 ** ((2 * random.uniform() - 1) * most) * (random.int(2) ? 1 : -1),
    );
  const [a, b] = [spread(12), spread(12)];
  const spec = (x: Float32Array) => ({ dtype: 'float32' as const, shape: [x.length] });
  const on = async (
    op: 'unary' | 'binary',
    kind: UnaryKind | BinaryKind,
    ...inputs: Float32Array[]
  ): Promise<TypedArray> => {
    const operands = inputs.map((x) => ({ buffer: backend.upload(x, spec(x)), spec: spec(x) }));
    const like = spec(inputs[0]!);
    const y = backend.run<OpName>(op, operands, { kind: kind as UnaryKind }, like);
    const values = await backend.read(y, like);
    for (const { buffer } of operands) backend.release(buffer);
    backend.release(y);
    return values;
  };
  /** All results that no flushing of subnormal numbers touches. */
  const all = (got: TypedArray, want: (i: number) => number): boolean =>
    got.every((y, i) => {
      const v = Math.fround(want(i));
      return y === v || (v !== 0 && Math.abs(v) < 2 ** -126);
    });
  const positive = a.map(Math.abs);
  const nearest =
    all(await on('binary', 'add', a, b), (i) => a[i]! + b[i]!) &&
    all(await on('binary', 'sub', a, b), (i) => a[i]! - b[i]!) &&
    all(await on('binary', 'mul', a, b), (i) => a[i]! * b[i]!);
  const divides = all(await on('binary', 'div', a, b), (i) => a[i]! / b[i]!);
  const roots = all(await on('unary', 'sqrt', positive), (i) => Math.sqrt(positive[i]!));
  const tiny = Float32Array.from({ length: TRIED }, (_, i) => (i + 1) * 2 ** -149);
  const subnormal = (await on('binary', 'add', tiny, tiny)).every((y, i) => y === 2 * tiny[i]!);
  const [x0, x1] = [spread(6), spread(6)];
  const base = x0.map(Math.abs);
  let functions = all(await on('binary', 'pow', base, x1), (i) => float32.pow(base[i]!, x1[i]!));
  for (const kind of FUNCTIONS) {
    const x = kind.startsWith('log') ? base : x0;
    functions &&= all(await on('unary', kind, x), (i) => float32[kind](x[i]!));
  }
  // In fewer bits, what is only moved is rounded, too: a term of a sum may be five times, as the two factors are packed, as
  // product, as sum, and as the result is brought into order, each time by one of the device's own ulp.
  const coarse = significand < 24 ? 5 * 2 ** (24 - significand) : 1;
  return {
    significand,
    arithmetic: nearest ? 0.5 : coarse,
    division: divides ? 0.5 : 2.5 * coarse,
    sqrt: roots ? 0.5 : 5 * coarse,
    smallest: subnormal ? 2 ** -149 : 2 ** -126,
    functions,
  };
}
