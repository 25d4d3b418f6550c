import { GraftError } from '../errors.ts';
import type { Tensor } from '../tensor.ts';
import { Module, wantModule, type Member } from './module.ts';
import { runChain } from './stages.ts';

/**
 * Modules one after the other. From a list the names are '0', '1', …; from a record, its keys.
 * @throws GraftError where a part is not a module.
 * @example
 * const model = new Sequential({ hidden: new Linear(4, 8), relu: new ReLU(), out: new Linear(8, 2) });
 * model.forward(zeros([1, 4])).shape; // → [1, 2]
 * [...model.stateDict().keys()]; // → ['hidden.weight', 'hidden.bias', 'out.weight', 'out.bias']
 */
export class Sequential extends Module {
  readonly #children: Map<string, Module>;
  constructor(children: readonly Module[] | Readonly<Record<string, Module>> | ReadonlyMap<string, Module>) {
    super();
    this.#children =
      children instanceof Map
        ? new Map(children)
        : new Map(Object.entries(children as Record<string, Module>));
    for (const [name, child] of this.#children) wantModule(`Sequential: '${name}'`, child);
  }
  override *members(): IterableIterator<[string, Member]> {
    yield* this.#children;
  }
  override get chain(): ReadonlyMap<string, Module> {
    return this.#children;
  }
  override get config(): { readonly children: readonly (readonly [name: string, module: Module])[] } {
    return { children: [...this.#children] };
  }
  static from({ children }: Sequential['config']): Sequential {
    const isPair = (c: unknown): boolean => Array.isArray(c) && c.length === 2 && typeof c[0] === 'string';
    if (!Array.isArray(children) || !children.every(isPair))
      throw new GraftError('the children of a Sequential are pairs of a name and a module');
    return new Sequential(new Map(children));
  }
  forward(x: Tensor): Tensor {
    return runChain([...this.#children.values()], x);
  }
}
