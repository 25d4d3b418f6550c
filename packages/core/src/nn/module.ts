import type { Backend } from '../backend.ts';
import { mark, refuseForeign } from '../copies.ts';
import { unknownName } from '../error-messages.ts';
import { GraftError } from '../errors.ts';
import { inspectedAs, moduleText } from '../inspect.ts';
import { commonBackend } from '../op.ts';
import { Tensor } from '../tensor.ts';
import { sameShape, showShape, type Layout, type Shape } from '../types.ts';
import { traceErrors } from './layer-path.ts';
import type { MovingStatistics } from './moving-statistics.ts';
import { Parameter, Slot, StateBuffer } from './parameter.ts';

export type Member = Module | Parameter | StateBuffer;

/** What `loadStateDict` takes: tensors, or plain values with a shape as file readers give them. */
export type StateEntry = Tensor | { readonly shape: Shape; readonly data: ArrayLike<number> };
export type StateDict = ReadonlyMap<string, StateEntry>;

/** A name, a prefix at a dot ('features.3'), a glob ('features.*.bn', '**' crosses dots), a RegExp, or several. */
export type NamePattern = string | RegExp | readonly (string | RegExp)[];

/** Does `name`, or a prefix of it that ends at a dot, match? */
export function matchesName(name: string, pattern: NamePattern): boolean {
  if (Array.isArray(pattern))
    return (pattern as readonly (string | RegExp)[]).some((p) => matchesName(name, p));
  if (pattern instanceof RegExp) return pattern.test(name);
  const glob = (pattern as string)
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*\*|\*/g, (m) => (m === '**' ? '.*' : '[^.]*'));
  return new RegExp(`^${glob}(\\..*)?$`).test(name);
}

/**
 * A network or a part of one. Subclasses assign parameters, buffers and child modules to properties, and these give
 * the names: `this.conv1 = new Conv2d(…)` has 'conv1.weight'; an array gives 'layers.0', 'layers.1', …
 *
 * What a `forward` throws carries the path of the layer that threw it: 'features.3.conv: input has shape …'.
 */
export abstract class Module {
  /** Dropout drops and batch norm uses the batch's statistics only while this is true. See `train()`, `eval()`. */
  training = true;
  /** Set by `lock()`. A locked module behaves as in `eval()` and its parameters are not trained. */
  locked = false;

  /** What its own batch norms use in training: the batch's statistics, or the stored ones as in evaluation; null: it has none. */
  statistics: 'batch' | 'stored' | null = null;

  constructor() {
    traceErrors(new.target.prototype, Module.prototype);
  }

  abstract forward(x: Tensor): Tensor;
  /**
   * Optional: runs this module and, in the same pass, the first `taken` of those that come next in its chain. The result
   * has the bits that their `forward`s give one after the other.
   */
  forwardInto?(x: Tensor, next: readonly Module[]): { readonly y: Tensor; readonly taken: number };

  /** The classifier of a network, which `transfer` replaces? Layers that are one by their class need not say so. */
  get isHead(): boolean {
    return false;
  }

  /**
   * The arguments of its constructor, by name, without the weights: JSON values, and modules for its parts. The static `from`
   * of its class makes another one of them, as Keras's `from_config` of `get_config`; null: it cannot be made again.
   */
  get config(): object | null {
    return null;
  }

  /** The modules that it runs one after the other, where its `forward` does nothing else: a network can be cut between them. */
  get chain(): ReadonlyMap<string, Module> | null {
    return null;
  }

  /** Where the channels of its output are, if it is not where those of the network's input are. */
  get outputLayout(): Layout | null {
    return null;
  }

  /** Named members in the order in which they were assigned. */
  *members(): IterableIterator<[string, Member]> {
    for (const [key, value] of Object.entries(this) as [string, unknown][]) {
      if (isMember(value)) yield [key, value];
      else if (Array.isArray(value))
        for (const [i, v] of value.entries()) if (isMember(v)) yield [`${key}.${i}`, v];
    }
  }

  /** This module (as '') and all below it, by dotted path. */
  *namedModules(prefix = ''): IterableIterator<[string, Module]> {
    yield [prefix, this];
    for (const [key, m] of this.members()) if (m instanceof Module) yield* m.namedModules(join(prefix, key));
  }
  *namedParameters(prefix = ''): IterableIterator<[string, Parameter]> {
    for (const [key, m] of this.members()) {
      if (m instanceof Parameter) yield [join(prefix, key), m];
      else if (m instanceof Module) yield* m.namedParameters(join(prefix, key));
    }
  }
  *namedBuffers(prefix = ''): IterableIterator<[string, StateBuffer]> {
    for (const [key, m] of this.members()) {
      if (m instanceof StateBuffer) yield [join(prefix, key), m];
      else if (m instanceof Module) yield* m.namedBuffers(join(prefix, key));
    }
  }
  parameters(): Parameter[] {
    return [...this.namedParameters()].map(([, p]) => p);
  }
  /** The parameters that are not locked. */
  trainable(): Parameter[] {
    return this.parameters().filter((p) => !p.locked);
  }
  /** Of its own batch norms, not of its children's: those that move their statistics as it stands now. */
  *movingStatistics(): IterableIterator<MovingStatistics> {}

  /**
   * Is this module's function the same in every training step: all parameters locked, no batch statistics, no dropout?
   * Then its outputs can be computed once and kept.
   */
  get frozen(): boolean {
    for (const [, m] of this.members()) {
      if (m instanceof Parameter ? !m.locked : m instanceof Module && !m.frozen) return false;
    }
    return true;
  }
  /** The module at a dotted path. @throws NameError with the nearest names. */
  module(path: string): Module {
    const all = new Map(this.namedModules());
    const found = all.get(path);
    if (!found) throw unknownName('layer', path, [...all.keys()].filter(Boolean));
    return found;
  }

  /** Parameters and buffers by name: live tensors, not copies. */
  stateDict(): Map<string, Tensor> {
    return new Map(this.#slots().map(([name, slot]) => [name, slot.value]));
  }

  /**
   * Copies values in. With `strict` (the default) every parameter and buffer must be given and nothing else.
   * @throws GraftError that counts the missing, unexpected and mis-shaped entries and names the first three of each; nothing
   *   is changed then.
   */
  loadStateDict(state: StateDict, options: { readonly strict?: boolean } = {}): void {
    const slots = new Map(this.#slots());
    const problems: string[] = [];
    const list = (title: string, names: string[]): void => {
      if (!names.length) return;
      const shown = names.slice(0, 3).join(', ');
      problems.push(names.length > 3 ? `${title}: ${names.length}, from ${shown} on` : `${title}: ${shown}`);
    };
    if (options.strict ?? true) {
      const optional = (s: Parameter | StateBuffer): boolean => s instanceof StateBuffer && s.optional;
      list(
        'missing',
        [...slots].filter(([n, s]) => !state.has(n) && !optional(s)).map(([n]) => n),
      );
      list(
        'unexpected',
        [...state.keys()].filter((n) => !slots.has(n)),
      );
    }
    const shared = [...state].filter(([n]) => slots.has(n));
    list(
      'wrong shape',
      shared
        .filter(([n, v]) => !sameShape(v.shape, slots.get(n)!.value.shape))
        .map(
          ([n, v]) => `${n} (given ${showShape(v.shape)}, wanted ${showShape(slots.get(n)!.value.shape)})`,
        ),
    );
    if (problems.length) throw new GraftError(`the state does not fit this model; ${problems.join('; ')}`);
    for (const [name, entry] of shared) {
      const slot = slots.get(name)!;
      const { backend, shape, dtype } = slot.value;
      const spec = { shape, dtype };
      if (entry instanceof Tensor) commonBackend('loadStateDict', [slot.value, entry]);
      const next =
        entry instanceof Tensor
          ? new Tensor(entry.storage, spec) // shares the buffer: tensors are immutable
          : Tensor.fromBuffer(backend, backend.upload(entry.data, spec), spec);
      slot.set(next);
    }
  }

  #slots(): [string, Parameter | StateBuffer][] {
    return [...this.namedParameters(), ...this.namedBuffers()];
  }

  /**
   * Locks modules and parameters whose path matches (default: all), or a range of the chain's stages.
   * @throws NameError when nothing matches.
   */
  lock(which?: NamePattern | StageRange): this {
    return this.#setLocked(which, true);
  }
  /** The opposite of `lock`: `model.unlock({ from: 'features.14' })`. */
  unlock(which?: NamePattern | StageRange): this {
    return this.#setLocked(which, false);
  }
  #setLocked(which: NamePattern | StageRange | undefined, locked: boolean): this {
    const pattern = isRange(which) ? stageRange(this, which).map((s) => s.name) : which;
    const hit = (name: string): boolean => pattern === undefined || matchesName(name, pattern);
    const parameters = [...this.namedParameters()].filter(([n]) => hit(n));
    const modules = [...this.namedModules()].filter(([n]) => hit(n));
    if (pattern !== undefined && !parameters.length && !modules.length) {
      throw unknownName('layer', String(pattern), [...this.namedModules()].map(([n]) => n).filter(Boolean));
    }
    for (const [, p] of parameters) p.locked = locked;
    for (const [, m] of modules) {
      m.locked = locked;
      for (const [, member] of m.members()) if (member instanceof StateBuffer) member.locked = locked;
    }
    return this;
  }

  /** Training mode for this module and all below it. */
  train(mode = true): this {
    for (const [, m] of this.namedModules()) m.training = mode;
    return this;
  }
  /** Evaluation mode: no dropout, batch norm on stored statistics. */
  eval(): this {
    return this.train(false);
  }

  /** Moves parameters and buffers to another backend. */
  async to(backend: Backend): Promise<this> {
    for (const [, slot] of this.#slots()) slot.set(await slot.value.to(backend));
    return this;
  }

  /** Frees all parameters and buffers. */
  dispose(): void {
    for (const [, slot] of this.#slots()) slot.dispose();
  }
}

mark(Module.prototype);
inspectedAs(Module.prototype, moduleText);

/**
 * Runs `fn` with everything in evaluation mode, then gives each module back the mode it had.
 * @throws What `fn` throws.
 */
export function evaluating<T>(modules: Iterable<Module>, fn: () => T): T {
  const modes = [...modules]
    .flatMap((m) => [...m.namedModules()])
    .map(([, m]): [Module, boolean] => [m, m.training]);
  for (const [m] of modes) m.training = false;
  const restore = (): void => {
    for (const [m, training] of modes) m.training = training;
  };
  let result: T;
  try {
    result = fn();
  } catch (e) {
    restore();
    throw e;
  }
  if (result instanceof Promise) return result.finally(restore) as T;
  restore();
  return result;
}

export interface Stage {
  readonly name: string;
  readonly module: Module;
}

/**
 * A model as a chain: nested `Sequential`s opened up, each other module whole, by dotted path. Between any two stages
 * exactly one tensor passes, so these are the places where a network can be cut.
 * @throws StateError for a model that another copy of this package has made.
 * @example
 * const model = new Sequential({ a: new ReLU(), b: new Sequential([new Tanh()]) });
 * stagesOf(model).map((s) => s.name); // → ['a', 'b.0']
 */
export function stagesOf(model: Module, prefix = ''): Stage[] {
  refuseForeign(model);
  if (!model.chain) return [{ name: prefix, module: model }];
  return [...model.chain].flatMap(([key, m]) => stagesOf(m, prefix ? `${prefix}.${key}` : key));
}

/** From or up to a stage of the chain, that stage included; see `stagesOf`. */
export interface StageRange {
  readonly from?: string;
  readonly to?: string;
}

/** The stages from `range.from` to `range.to`, both included. @throws NameError for an unknown stage. */
export function stageRange(model: Module, range: StageRange): Stage[] {
  const stages = stagesOf(model);
  const names = stages.map((s) => s.name);
  const at = (name: string): [number, number] => {
    const inside = names.flatMap((n, i) => (n === name || n.startsWith(`${name}.`) ? [i] : []));
    if (!inside.length) throw unknownName('layer', name, names.flatMap(withParents));
    return [inside[0]!, inside.at(-1)!];
  };
  const first = range.from === undefined ? 0 : at(range.from)[0];
  const last = range.to === undefined ? stages.length - 1 : at(range.to)[1];
  return stages.slice(first, last + 1);
}

/** 'a.b.c' → 'a', 'a.b', 'a.b.c'. */
function withParents(name: string): string[] {
  const parts = name.split('.');
  return parts.map((_, i) => parts.slice(0, i + 1).join('.'));
}

function isRange(which: NamePattern | StageRange | undefined): which is StageRange {
  return typeof which === 'object' && !Array.isArray(which) && !(which instanceof RegExp);
}

/** @throws GraftError if it is no module, StateError if another copy of this package has made it. */
export function wantModule(name: string, value: unknown): asserts value is Module {
  refuseForeign(value);
  if (!(value instanceof Module)) throw new GraftError(`${name} is not a module`);
}

function isMember(v: unknown): v is Member {
  if (v instanceof Module || v instanceof Slot) return true;
  refuseForeign(v);
  return false;
}
function join(prefix: string, key: string): string {
  return prefix ? `${prefix}.${key}` : key;
}
