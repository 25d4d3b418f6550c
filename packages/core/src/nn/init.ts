import type { Backend } from '../backend.ts';
import { GraftError } from '../errors.ts';
import { wantOneOf } from '../ops/check.ts';
import type { Random } from '../rng/index.ts';
import { sizeOf, type Shape } from '../types.ts';
import { fans, gain, type Nonlinearity } from './fans.ts';

export type { Nonlinearity };

/** Gives the initial values of a parameter, row-major. Drawn on the host: the same on every backend. */
export type Initializer = (shape: Shape, random: Random) => Float32Array;

/** All the same value. */
export function constantInit(value: number): Initializer {
  return (shape) => new Float32Array(sizeOf(shape)).fill(value);
}
/** All 0. */
export const zerosInit: Initializer = constantInit(0);
/** All 1. */
export const onesInit: Initializer = constantInit(1);

/** Uniform in [low, high). */
export function uniformInit(low: number, high: number): Initializer {
  return (shape, random) =>
    Float32Array.from(random.uniformArray(sizeOf(shape)), (u) => low + (high - low) * u);
}

/** Normal. */
export function normalInit(mean = 0, std = 1): Initializer {
  return (shape, random) => Float32Array.from(random.normalArray(sizeOf(shape)), (z) => mean + std * z);
}

export interface TruncNormalOptions {
  readonly mean?: number;
  readonly std?: number;
  /** Bounds on the values themselves (not on multiples of `std`). Defaults −2 and 2. */
  readonly low?: number;
  readonly high?: number;
}

/**
 * Normal, drawn again wherever it falls outside [low, high].
 * @throws GraftError where next to nothing of the distribution is between the bounds.
 */
export function truncNormal(options: TruncNormalOptions = {}): Initializer {
  const { mean = 0, std = 1, low = -2, high = 2 } = options;
  if (!(low < high) || mean + 6 * std < low || mean - 6 * std > high) {
    throw new GraftError(`truncNormal: next to nothing of a normal(${mean}, ${std}) is in [${low}, ${high}]`);
  }
  return (shape, random) => {
    const out = new Float32Array(sizeOf(shape));
    for (let missing = Array.from(out.keys()); missing.length;) {
      const drawn = random.normalArray(missing.length);
      missing = missing.filter((at, i) => {
        const v = mean + std * drawn[i]!;
        out[at] = v;
        return v < low || v > high;
      });
    }
    return out;
  };
}

export interface KaimingOptions {
  /** Keep the variance of activations (`'fanIn'`, the default) or of gradients. */
  readonly mode?: 'fanIn' | 'fanOut';
  /** Default `'leakyRelu'`. */
  readonly nonlinearity?: Nonlinearity;
  /** Leaky relu's slope. Default 0. */
  readonly slope?: number;
}

function kaimingStd(
  shape: Shape,
  { mode = 'fanIn', nonlinearity = 'leakyRelu', slope = 0 }: KaimingOptions,
): number {
  wantOneOf('kaiming', 'mode', mode, ['fanIn', 'fanOut']);
  return gain(nonlinearity, slope) / Math.sqrt(Math.max(fans(shape)[mode], 1));
}

/**
 * Uniform with variance gain² / fan. (He et al., 2015, arXiv:1502.01852)
 * @throws GraftError for an unknown mode or nonlinearity, or when it draws for a shape of fewer than two axes.
 */
export function kaimingUniform(options: KaimingOptions = {}): Initializer {
  return (shape, random) => {
    const bound = Math.sqrt(3) * kaimingStd(shape, options);
    return uniformInit(-bound, bound)(shape, random);
  };
}

/**
 * Normal with variance gain² / fan. (He et al., 2015, arXiv:1502.01852)
 * @throws GraftError for an unknown mode or nonlinearity, or when it draws for a shape of fewer than two axes.
 */
export function kaimingNormal(options: KaimingOptions = {}): Initializer {
  return (shape, random) => normalInit(0, kaimingStd(shape, options))(shape, random);
}

const xavierStd = (shape: Shape, factor: number): number => {
  const { fanIn, fanOut } = fans(shape);
  return factor * Math.sqrt(2 / Math.max(fanIn + fanOut, 1));
};

/**
 * Uniform with variance 2 · gain² / (fanIn + fanOut). (Glorot, Bengio, 2010)
 * @throws GraftError when it draws for a shape of fewer than two axes.
 */
export function xavierUniform(factor = 1): Initializer {
  return (shape, random) => {
    const bound = Math.sqrt(3) * xavierStd(shape, factor);
    return uniformInit(-bound, bound)(shape, random);
  };
}

/**
 * Normal with variance 2 · gain² / (fanIn + fanOut). (Glorot, Bengio, 2010)
 * @throws GraftError when it draws for a shape of fewer than two axes.
 */
export function xavierNormal(factor = 1): Initializer {
  return (shape, random) => normalInit(0, xavierStd(shape, factor))(shape, random);
}

/** What every layer with parameters takes. */
export interface BackendOption {
  /** Where its parameters live. Default: `getDefaultBackend()`. */
  readonly backend?: Backend;
  /** Called before a parameter or buffer of this shape is made; refuses by throwing. For what is built from files. */
  readonly reserve?: (shape: Shape) => void;
}

/** Where the parameters of a layer live and how they start: what its `from` takes besides its configuration. */
export interface LayerOptions extends BackendOption {
  /** Initial weight. Default: PyTorch's. */
  readonly init?: Initializer;
  /** Initial bias. Default: PyTorch's. */
  readonly biasInit?: Initializer;
}

/** A layer's configuration: the arguments of its constructor by name, and its options but for `LayerOptions`. */
export type ConfigOf<Arguments, Options> = Readonly<Arguments> & Omit<Options, keyof LayerOptions>;

/** What layers with a weight and a bias take. */
export interface WeightOptions extends LayerOptions {
  /** Default true. */
  readonly bias?: boolean;
}
