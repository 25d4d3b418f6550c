import {
  GraftError,
  sizeOf,
  UnsupportedError,
  unknownName,
  zerosInit,
  type Backend,
  type Initializer,
  type Module,
} from '@graftjs/core';
import { FormatError, type Json } from '@graftjs/formats';
import { kinds, type BuildContext } from './kinds.ts';
import { networks } from './networks.ts';

/** A module in words: what kind it is, and the options from which it is built. Plain JSON, nested like the model. */
export interface ModelDescription {
  readonly kind: string;
  readonly options: Readonly<Record<string, Json>>;
}

const byType = new Map(Object.entries(kinds).map(([name, k]) => [k.type as unknown, name]));

/**
 * A model's architecture as JSON, without its weights: `Sequential`s of any depth, core's layers, imported graphs and
 * the blocks of this package.
 * @throws UnsupportedError that names the path of a module of any other class.
 */
export function describeModel(model: Module, path = ''): ModelDescription {
  const name = byType.get(model.constructor);
  if (name === undefined) {
    throw new UnsupportedError(
      `${path ? `'${path}' is` : 'this is'} a ${model.constructor.name}, which this file cannot describe: save its weights with saveWeights() or saveWeightsFile(), or build it from core's layers`,
    );
  }
  const childPath = (m: Module): string => {
    const own = [...model.members()].find(([, part]) => part === m)?.[0] ?? '';
    return [path, own].filter(Boolean).join('.');
  };
  const options = kinds[name]!.describe(model as never, (m) => describeModel(m, childPath(m)));
  // Through text: typed arrays, undefined and shared objects have no place in a description.
  return { kind: name, options: JSON.parse(JSON.stringify(options)) as ModelDescription['options'] };
}

export interface BuildOptions {
  /** Where the weights go. Default: `getDefaultBackend()`. */
  readonly backend?: Backend;
  /** The most elements that all parameters together may have: a guard against descriptions that lie. Default: no limit. */
  readonly elements?: number;
  /** Draw initial weights as for a new network (default false: zeros, to be filled by `loadStateDict`). */
  readonly fresh?: boolean;
}

/**
 * A new module from its description, or from `{ kind: 'mobilenet_v2', options: config }`, any name in `networks`. Weights
 * are zeros unless `fresh`.
 * @throws FormatError, NameError or ShapeError where the description is not one.
 */
export function buildModel(description: ModelDescription, options: BuildOptions = {}): Module {
  let left = options.elements ?? Infinity;
  const take = (n: number): void => {
    left -= n;
    if (!(left >= 0)) throw new FormatError('the description has more weights than the file can hold');
  };
  const guarded: Initializer = (shape, random) => {
    take(sizeOf(shape));
    return zerosInit(shape, random);
  };
  const count = (value: Json | undefined): number => {
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0 || value > left) {
      throw new FormatError(`${JSON.stringify(value)} is not a number of channels that this file can hold`);
    }
    return value;
  };
  const context: BuildContext = {
    layer: {
      ...(options.backend && { backend: options.backend }),
      ...(!options.fresh && { init: guarded, biasInit: guarded }),
    },
    child: (d) => build(d),
    count,
    hold(value) {
      take(count(value));
      return value as number;
    },
  };
  function build(d: Json | ModelDescription | undefined): Module {
    if (typeof d !== 'object' || d === null || Array.isArray(d))
      throw new FormatError('a module has no description');
    const { kind, options: o } = d as Partial<ModelDescription>;
    if (typeof kind !== 'string' || typeof o !== 'object' || o === null)
      throw new FormatError('a module has no kind or no options');
    const build = networks.get(kind)?.build;
    if (build) return build(o as never, context.layer);
    if (!Object.hasOwn(kinds, kind))
      throw unknownName('kind of module', kind, [...Object.keys(kinds), ...networks.keys()]);
    return kinds[kind]!.build(o, context);
  }
  try {
    return build(description);
  } catch (error) {
    if (error instanceof GraftError || !(error instanceof Error)) throw error;
    throw new FormatError(`this description cannot be built: ${error.message}`);
  }
}
