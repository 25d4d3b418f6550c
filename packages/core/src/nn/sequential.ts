import { refuseForeign } from '../copies.ts';
import type { Tensor } from '../tensor.ts';
import { Module, type Member } from './module.ts';
import { runChain } from './stages.ts';

/** Modules one after the other. From a list the names are '0', '1', …; from a record, its keys. */
export class Sequential extends Module {
  readonly #children: Map<string, Module>;
  constructor(children: readonly Module[] | Readonly<Record<string, Module>> | ReadonlyMap<string, Module>) {
    super();
    this.#children =
      children instanceof Map
        ? new Map(children)
        : new Map(Object.entries(children as Record<string, Module>));
    for (const child of this.#children.values()) refuseForeign(child);
  }
  override *members(): IterableIterator<[string, Member]> {
    yield* this.#children;
  }
  override get chain(): ReadonlyMap<string, Module> {
    return this.#children;
  }
  forward(x: Tensor): Tensor {
    return runChain([...this.#children.values()], x);
  }
}
