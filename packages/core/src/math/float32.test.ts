import { describe, expect, test } from 'vitest';
import * as float32 from './float32.ts';

const { MAX_ULP } = float32;
const floats = new Float32Array(1);
const words = new Uint32Array(floats.buffer);
const doubles = new Float64Array(1);
const halves = new Uint32Array(doubles.buffer);

type Unary = (x: number) => number;
type Name = Exclude<keyof typeof MAX_ULP, 'pow'>;

const bitsOf = (x: number): number => ((floats[0] = x), words[0]!);
const floatOf = (bits: number): number => ((words[0] = bits), floats[0]!);

/** |y − exact| in units of the float32 spacing at `exact`; ±∞ counts as the next power of two after the largest. */
function ulpError(y: number, exact: number): number {
  if (Number.isNaN(y) || Number.isNaN(exact)) return Object.is(y, exact) ? 0 : Infinity;
  if (y === Math.fround(exact)) {
    if (!Number.isFinite(y)) return 0;
  }
  doubles[0] = exact;
  const exponent = Math.min(127, Math.max(-126, ((halves[1]! >>> 20) & 0x7ff) - 1023));
  const value = Number.isFinite(y) ? y : Math.sign(y) * 2 ** 128;
  return Math.abs(value - exact) * 2 ** (23 - exponent);
}

/** erf in float64: 2/√π·e^−x²·Σ 2ⁿx²ⁿ⁺¹/(2n+1)!!, all terms of one sign (Abramowitz & Stegun 7.1.6). */
function erf64(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = 1;
  let sum = 1;
  for (let n = 1; term > sum * 1e-17; n++) sum += term *= (2 * x * x) / (2 * n + 1);
  return (2 / Math.sqrt(Math.PI)) * x * Math.exp(-x * x) * sum;
}

/** sin π(x + shift/2) in float64, with an exact reduction of x. */
function sinpi64(x: number, shift: number): number {
  const t = x - 2 * Math.round(x / 2);
  const n = Math.round(2 * t);
  const angle = Math.PI * (t - n / 2);
  const quadrant = (n + shift) & 3;
  const y = quadrant & 1 ? Math.cos(angle) : Math.sin(angle);
  return quadrant & 2 ? -y : y;
}

const exact: { readonly [N in Name]: Unary } = {
  exp: Math.exp,
  expm1: Math.expm1,
  log: Math.log,
  log1p: Math.log1p,
  tanh: Math.tanh,
  erf: erf64,
  sigmoid: (x) => (x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x))),
  sqrt: Math.sqrt,
  rsqrt: (x) => 1 / Math.sqrt(x),
  reciprocal: (x) => 1 / x,
  sinpi: (x) => sinpi64(x, 0),
  cospi: (x) => sinpi64(x, 1),
};

/** Where the error peaks, swept more finely. */
const interesting: { readonly [N in Name]?: readonly [number, number] } = {
  exp: [0.25, 104],
  expm1: [0.2, 20],
  log: [0.25, 4],
  log1p: [0.0625, 4],
  tanh: [0.5, 2],
  erf: [0.5, 4],
  sigmoid: [0.25, 20],
  sinpi: [0.0625, 1],
  cospi: [0.0625, 1],
};

interface Sweep {
  readonly worst: number;
  readonly at: number;
  /** FNV-1a over the bits of all results, NaN made one. */
  readonly hash: string;
}

/** Both signs of every `stride`-th positive float32 from `from` to `to`. */
function sweep(name: Name, from: number, to: number, stride: number): Sweep {
  const own: Unary = float32[name];
  const reference = exact[name];
  let worst = 0;
  let at = NaN;
  let hash = 0x811c9dc5;
  const last = bitsOf(to);
  for (let bits = bitsOf(from); bits <= last; bits += stride) {
    for (const sign of [0, 0x80000000]) {
      const x = floatOf((bits | sign) >>> 0);
      const y = own(x);
      const error = ulpError(y, reference(x));
      if (!(error <= worst)) {
        worst = error;
        at = x;
      }
      hash = Math.imul(hash ^ (Number.isNaN(y) ? 0x7fc00000 : bitsOf(y)), 0x01000193);
    }
  }
  return { worst, at, hash: (hash >>> 0).toString(16) };
}

/** Results of the sweep over all exponents: a change here is a change of every model ever trained. */
const pinned: { readonly [N in Name]: string } = {
  exp: '3d87cb4a',
  expm1: 'cffed58',
  log: '9a538bbf',
  log1p: '4e3652a8',
  tanh: '1b895f15',
  erf: '24cc1e33',
  sigmoid: '356c5116',
  sqrt: '6ef3504f',
  rsqrt: 'a40e09a8',
  reciprocal: 'e8a057bf',
  sinpi: '6291388b',
  cospi: 'f4127251',
};

const names = Object.keys(exact) as Name[];

describe.each(names)('%s', (name) => {
  test('is within MAX_ULP over all exponents, and its bits are pinned', () => {
    const { worst, at, hash } = sweep(name, 0, Infinity, 43_001);
    expect(worst, `at x = ${at}`).toBeLessThanOrEqual(MAX_ULP[name]);
    expect(hash).toBe(pinned[name]);
  });
});

test.each(Object.entries(interesting) as [Name, readonly [number, number]][])(
  '%s is within MAX_ULP where its error peaks, from %j',
  (name, [from, to]) => {
    const stride = Math.ceil((bitsOf(to) - bitsOf(from)) / 50_000) | 1;
    const { worst, at } = sweep(name, from, to, stride);
    expect(worst, `at x = ${at}`).toBeLessThanOrEqual(MAX_ULP[name]);
    expect(worst).toBeGreaterThan(MAX_ULP[name] / 2); // the constant is not idle
  },
);

describe('pow', () => {
  // A linear congruential generator, good enough to spread arguments.
  let state = 1;
  const random = (): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;

  test('is within MAX_ULP for results of every magnitude', () => {
    let worst = 0;
    for (let i = 0; i < 100_000; i++) {
      // x over all exponents, then close to 1; y such that the result is 2^-152 … 2^128.
      const near = 1 + (random() - 0.5) * 2 ** -Math.floor(random() * 24);
      const x = i % 2 ? floatOf(random() * 0x7f800000) : Math.fround(near);
      const y = Math.fround((random() * 280 - 152) / (Math.log2(x) || 1));
      worst = Math.max(worst, ulpError(float32.pow(x, y), x ** y));
    }
    expect(worst).toBeLessThanOrEqual(MAX_ULP.pow);
    expect(worst).toBeGreaterThan(MAX_ULP.pow / 2);
  });

  test('its bits are pinned', () => {
    state = 1;
    let hash = 0x811c9dc5;
    for (let i = 0; i < 50_000; i++) {
      const result = float32.pow(floatOf(random() * 0x7f800000), (random() - 0.5) * 4);
      hash = Math.imul(hash ^ bitsOf(result), 0x01000193);
    }
    expect((hash >>> 0).toString(16)).toBe('16959995');
  });

  test('is exact for small integer powers of small integers', () => {
    for (let x = -12; x <= 12; x++) {
      for (let y = 0; y <= 6; y++) expect(float32.pow(x, y)).toBe(x ** y);
    }
  });

  test("treats special values as C's powf", () => {
    const huge = 3.4028234663852886e38;
    const values = [0, 0.5, 1, 2, 3, 1e-45, 16777215, 16777216, 4194303.5, 8388607.5, huge, Infinity];
    for (const x of [...values, ...values.map((v) => -v), NaN].map(Math.fround)) {
      for (const y of [...values, ...values.map((v) => -v), NaN].map(Math.fround)) {
        const one = x === 1 || y === 0 || (x === -1 && Math.abs(y) === Infinity);
        const expected = one ? 1 : Math.fround(x ** y);
        const result = float32.pow(x, y);
        const where = `pow(${x}, ${y})`;
        if (Number.isFinite(expected) && expected !== 0) {
          expect(ulpError(result, one ? 1 : x ** y), where).toBeLessThanOrEqual(MAX_ULP.pow);
        } else expect(result, where).toBe(expected);
      }
    }
  });
});

describe('special values', () => {
  const cases: { readonly [N in Name | 'sign' | 'roundHalfEven']: readonly (readonly [number, number])[] } = {
    exp: [
      [0, 1],
      [-0, 1],
      [Infinity, Infinity],
      [-Infinity, 0],
      [88.72283172607422, floatOf(0x7f7fff84)],
      [88.72283935546875, Infinity],
      [-103.972076, 1e-45],
      [-103.97208404541016, 0],
      [1e-45, 1],
    ],
    expm1: [
      [0, 0],
      [-0, -0],
      [Infinity, Infinity],
      [-Infinity, -1],
      [-100, -1],
      [88.72283935546875, Infinity],
      [1e-45, 1e-45],
      [-1e-39, -1e-39],
    ],
    log: [
      [0, -Infinity],
      [-0, -Infinity],
      [1, 0],
      [-1, NaN],
      [-1e-45, NaN],
      [-Infinity, NaN],
      [Infinity, Infinity],
      [1e-45, -103.27893],
    ],
    log1p: [
      [0, 0],
      [-0, -0],
      [-1, -Infinity],
      [-1.0000001, NaN],
      [-Infinity, NaN],
      [Infinity, Infinity],
      [1e-45, 1e-45],
      [-1e-39, -1e-39],
    ],
    tanh: [
      [0, 0],
      [-0, -0],
      [Infinity, 1],
      [-Infinity, -1],
      [9.02, 1],
      [-200, -1],
      [1e-45, 1e-45],
    ],
    erf: [
      [0, 0],
      [-0, -0],
      [Infinity, 1],
      [-Infinity, -1],
      [4, 1],
      [-3e38, -1],
      [1e-45, 1e-45],
    ],
    sigmoid: [
      [0, 0.5],
      [-0, 0.5],
      [Infinity, 1],
      [-Infinity, 0],
      [-103.972076, 1e-45],
      [-104, 0],
      [100, 1],
    ],
    sqrt: [
      [0, 0],
      [-0, -0],
      [-1, NaN],
      [Infinity, Infinity],
    ],
    rsqrt: [
      [0, Infinity],
      [-0, -Infinity],
      [-1, NaN],
      [Infinity, 0],
    ],
    reciprocal: [
      [0, Infinity],
      [-0, -Infinity],
      [Infinity, 0],
      [-Infinity, -0],
    ],
    sinpi: [
      [0, 0],
      [-0, -0],
      [3, 0],
      [-4, -0],
      [0.5, 1],
      [1.5, -1],
      [-0.5, -1],
      [16777215, 0],
      [3e38, 0],
      [Infinity, NaN],
    ],
    cospi: [
      [0, 1],
      [-0, 1],
      [0.5, 0],
      [-1.5, 0],
      [1, -1],
      [-3, -1],
      [16777215, -1],
      [3e38, 1],
      [-Infinity, NaN],
    ],
    sign: [
      [0, 0],
      [-0, -0],
      [1e-45, 1],
      [-1e-45, -1],
      [1e-46, 0],
      [Infinity, 1],
      [-Infinity, -1],
    ],
    roundHalfEven: [
      [0, 0],
      [-0, -0],
      [0.5, 0],
      [-0.5, -0],
      [1.5, 2],
      [2.5, 2],
      [-2.5, -2],
      [-0.3, -0],
      [4194304.5, 4194304],
      [8388607.5, 8388608],
      [8388609, 8388609],
      [-16777217, -16777216],
      [3.4028234663852886e38, 3.4028234663852886e38],
      [Infinity, Infinity],
      [-Infinity, -Infinity],
    ],
  };

  test.each(Object.keys(cases) as (keyof typeof cases)[])('%s', (name) => {
    for (const [x, y] of cases[name]) expect(float32[name](x), `${name}(${x})`).toBe(Math.fround(y));
    expect(float32[name](NaN), `${name}(NaN)`).toBeNaN();
    expect(float32[name](floatOf(0xffffffff))).toBeNaN();
  });
});

describe('shape', () => {
  const monotonic: readonly (readonly [Name, number, number])[] = [
    ['exp', -104, 89],
    ['expm1', -18, 89],
    ['tanh', -0.64, -0.61],
    ['tanh', 0.61, 10],
    ['sigmoid', -40.001, -39.999],
    ['sigmoid', -104, 20],
    ['log', 0.69, 1.42],
    ['log1p', -0.5, 0.5],
  ];
  test.each(monotonic)('%s does not fall from %f to %f', (name, from, to) => {
    let previous = -Infinity;
    const steps = 50_000;
    for (let i = 0; i <= steps; i++) {
      const y = float32[name](from + ((to - from) * i) / steps);
      if (y < previous) expect.fail(`${name} falls at step ${i}`);
      previous = y;
    }
  });

  test('odd functions are odd, bit for bit', () => {
    for (let i = 0; i < 20_000; i++) {
      const x = floatOf(i * 106_000);
      if (Number.isNaN(x)) break;
      for (const name of ['tanh', 'erf', 'sinpi', 'roundHalfEven', 'reciprocal', 'sign'] as const) {
        if (!Object.is(float32[name](-x), -float32[name](x))) expect.fail(`${name}(${x})`);
      }
    }
  });
});
