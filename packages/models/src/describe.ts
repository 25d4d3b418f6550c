import {
  GraftError,
  Module,
  sizeOf,
  UnsupportedError,
  zerosInit,
  type Backend,
  type LayerOptions,
} from '@graftjs/core';
import { layers as coreLayers, unknownName, type LayerClass } from '@graftjs/core/extend';
import { FormatError, GraphModule, type Json } from '@graftjs/formats';
import { ConvNormActivation } from './blocks.ts';
import { blocks, type Network } from './networks/network.ts';

/** A module in words: its class, and the configuration from which it is built. Plain JSON, nested like the model. */
export interface ModelDescription {
  readonly kind: string;
  readonly options: Readonly<Record<string, Json>>;
}

/** Every class that a model file can name, but for `blocks` of networks: core's layers, imported graphs, what networks share. */
export const layers: Readonly<Record<string, LayerClass>> = {
  ...coreLayers,
  GraphModule,
  ConvNormActivation,
};
const nameOf = new Map<unknown, string>(Object.entries(layers).map(([name, type]) => [type, name]));

/**
 * A model's architecture as JSON, without its weights: `Sequential`s of any depth, core's layers, imported graphs and
 * the blocks of this package.
 * @throws UnsupportedError that names the path of a module of any other class.
 */
export function describeModel(model: Module, path = ''): ModelDescription {
  const isIts = ([, type]: [string, unknown]): boolean => type === model.constructor;
  const kind = nameOf.get(model.constructor) ?? [...blocks].find(isIts)?.[0];
  if (kind === undefined) {
    throw new UnsupportedError(
      `${path ? `'${path}' is` : 'this is'} a ${model.constructor.name}, which this file cannot describe: save its weights with saveWeights() or saveWeightsFile(), or build it from core's layers`,
    );
  }
  const pathOf = (part: Module): string => {
    const own = [...model.members()].find(([, m]) => m === part)?.[0] ?? '';
    return [path, own].filter(Boolean).join('.');
  };
  const inWords = (_: string, v: unknown): unknown => (v instanceof Module ? describeModel(v, pathOf(v)) : v);
  // Through text: typed arrays, undefined and shared objects have no place in a description.
  const text = JSON.stringify(model.config, inWords);
  return { kind, options: JSON.parse(text) as ModelDescription['options'] };
}

export interface BuildOptions {
  /** Where the weights go. Default: `getDefaultBackend()`. */
  readonly backend?: Backend;
  /** The most elements that all parameters together may have: a guard against descriptions that lie. Default: no limit. */
  readonly elements?: number;
  /** Draw initial weights as for a new network (default false: zeros, to be filled by `loadStateDict`). */
  readonly fresh?: boolean;
}

/** Entries of a configuration that are checked before anything of that size is made. */
const COUNTS = /(channels|features|squeezed)$/i;

/** `buildModel`, by the names of layers and of `networks`. */
export function buildDescribed(
  description: ModelDescription,
  options: BuildOptions,
  networks: ReadonlyMap<string, Network> = new Map(),
): Module {
  let left = options.elements ?? Infinity;
  const made: LayerOptions = {
    ...(options.backend && { backend: options.backend }),
    ...(!options.fresh && { init: zerosInit, biasInit: zerosInit }),
    reserve(shape) {
      left -= sizeOf(shape);
      if (!(left >= 0)) throw new FormatError('the description has more weights than the file can hold');
    },
  };
  /** Descriptions become modules; the rest stays as it is. */
  const built = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(built);
    return typeof value === 'object' && value !== null && Object.hasOwn(value, 'kind') ? build(value) : value;
  };
  function build(d: unknown): Module {
    if (typeof d !== 'object' || d === null || Array.isArray(d))
      throw new FormatError('a module has no description');
    const { kind, options: o } = d as Partial<ModelDescription>;
    if (typeof kind !== 'string' || typeof o !== 'object' || o === null)
      throw new FormatError('a module has no kind or no options');
    const network = networks.get(kind)?.build;
    if (network) return network(o as never, made);
    const type = Object.hasOwn(layers, kind) ? layers[kind] : blocks.get(kind);
    if (!type)
      throw unknownName('kind of module', kind, [
        ...Object.keys(layers),
        ...blocks.keys(),
        ...networks.keys(),
      ]);
    const config = Object.entries(o).map(([key, value]) => {
      const counts = typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= left;
      if (COUNTS.test(key) && !counts)
        throw new FormatError(`${JSON.stringify(value)} is not a number of channels that this file can hold`);
      return [key, built(value)];
    });
    return type.from(Object.fromEntries(config) as never, made);
  }
  try {
    return build(description);
  } catch (error) {
    if (error instanceof GraftError || !(error instanceof Error)) throw error;
    throw new FormatError(`this description cannot be built: ${error.message}`);
  }
}
