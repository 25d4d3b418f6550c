import { refuseForeign } from '../copies.ts';
import { unknownName } from '../errors.ts';
import { composite, freeEarly } from '../op.ts';
import { Tensor } from '../tensor.ts';
import { nameLayer } from './layer-path.ts';
import type { Module } from './module.ts';

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

/**
 * Runs modules one after the other, several in one pass where one of them knows how. Each result is freed when the next is
 * there, unless a tape needs it; `x` is the caller's.
 * @param x Any shape that the first module takes.
 * @throws What the modules throw, with the path of the layer.
 */
export function runChain(modules: readonly Module[], x: Tensor): Tensor {
  return composite(() => {
    const since = Tensor.lastId;
    let y = x;
    for (let i = 0; i < modules.length; i++) {
      const before = y;
      const m = modules[i]!;
      if (!m.forwardInto) y = m.forward(y);
      else {
        const result = into(m, y, modules.slice(i + 1));
        y = result.y;
        i += result.taken;
      }
      if (y !== before) freeEarly(before, since);
    }
    return y;
  });
}

/** `forwardInto` with errors named as those of `forward`. */
function into(m: Module, x: Tensor, next: readonly Module[]): { readonly y: Tensor; readonly taken: number } {
  try {
    return m.forwardInto!(x, next);
  } catch (error) {
    nameLayer(error, m.namedModules(), m);
    throw error;
  }
}

/**
 * Runs stages one after the other. Errors carry the path of the layer as the whole model has it.
 * @param x Any shape that the first stage takes.
 * @throws What the stages throw, with the path of the layer.
 */
export function forwardStages(stages: readonly Stage[], x: Tensor): Tensor {
  try {
    return runChain(
      stages.map((s) => s.module),
      x,
    );
  } catch (error) {
    nameLayer(
      error,
      stages.flatMap((s) => [...s.module.namedModules(s.name)]),
    );
    throw error;
  }
}
