import * as activation from './activation.ts';
import * as conv from './conv.ts';
import type { LayerOptions } from './init.ts';
import * as basic from './layers.ts';
import type { Module } from './module.ts';
import * as norm from './norm.ts';
import * as pool from './pool.ts';
import * as sequential from './sequential.ts';

/** A class of layers that a model file can name: see `Module.config`. */
export interface LayerClass {
  readonly prototype: Module;
  /** Another module with this configuration: new weights, as the options say. The constructor checks what came from a file. */
  from(config: never, options?: LayerOptions): Module;
}

/** The layers of this package, by the names that model files have for them: every class of these files that has a `from`. */
export const layers: Readonly<Record<string, LayerClass>> = /* @__PURE__ */ (() => {
  // One that holds any function at all cannot be made again.
  const { Activation: _, ...activations } = activation;
  const all = { ...sequential, ...basic, ...conv, ...norm, ...pool, ...activations };
  const isLayer = (entry: [string, object]): entry is [string, LayerClass] => 'from' in entry[1];
  return Object.fromEntries(Object.entries<object>(all).filter(isLayer));
})();
