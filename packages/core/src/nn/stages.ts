import { composite, freeEarly } from '../op.ts';
import { Tensor } from '../tensor.ts';
import { nameLayer } from './layer-path.ts';
import type { Module, Stage } from './module.ts';

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
