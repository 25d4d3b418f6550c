import type { LayerOptions } from './init.ts';
import { Module } from './module.ts';

/** A module that its class makes again from its configuration: `from` gives the constructor what `config` says. */
export abstract class Layer extends Module {
  /** What the constructor's arguments are called in `config`, but for the last one, the options. */
  declare static readonly args: readonly string[];

  /** Another one with this configuration: new weights, as the options say. The constructor checks what came from a file. */
  static from<T extends Layer>(
    this: { new (...given: never[]): T; readonly args: readonly string[] },
    config: NonNullable<T['config']>,
    options: LayerOptions = {},
  ): T {
    const settings = new Map<string, unknown>(Object.entries({ ...config, ...options }));
    const first = this.args.map((name) => settings.get(name));
    for (const name of this.args) settings.delete(name);
    return new this(...([...first, Object.fromEntries(settings)] as never[]));
  }
}
