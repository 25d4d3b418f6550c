import { showShape, type TensorSpec } from './types.ts';

/** What is shown of a `Tensor`, a `Slot` and a `Module`. */
interface ShownTensor extends TensorSpec {
  readonly backend: { readonly name: string };
  readonly rank: number;
  readonly size: number;
  readonly disposed: boolean;
}
interface ShownSlot {
  readonly value: ShownTensor;
  readonly locked: boolean;
}
interface ShownModule {
  members(): Iterable<[string, ShownModule | ShownSlot]>;
  namedParameters(): Iterable<[string, ShownSlot]>;
  parameters(): readonly ShownSlot[];
}

/**
 * What `console.log` shows of tensors and modules in Node, which asks objects for a method of this name. Browsers do not.
 * https://nodejs.org/api/util.html#custom-inspection-functions-on-objects
 */
const INSPECT = Symbol.for('nodejs.util.inspect.custom');

/** Lines that a model may take; deeper levels are summed up where it would take more. */
const MAX_LINES = 60;
/** Elements above which values are not copied out just to be elided. */
const MAX_ELEMENTS = 2 ** 24;

/**
 * Objects with this prototype are shown as `text` says: in full where one is printed by itself, in a line inside other
 * objects. Whatever fails, printing does not.
 */
export function inspectedAs<T extends object>(
  prototype: T,
  text: (value: T, alone: boolean) => string,
): void {
  Object.defineProperty(prototype, INSPECT, {
    configurable: true,
    writable: true,
    value(this: T, depth?: number, options?: { readonly depth?: number | null }): string {
      try {
        return text(this, depth === undefined || depth === (options?.depth ?? Infinity));
      } catch {
        return `[${this.constructor?.name ?? 'object'}]`;
      }
    },
  });
}

/** `Tensor float32[2, 3] on cpu`, and the values where they can be read at once. */
export function tensorText(t: ShownTensor, alone: boolean): string {
  const head = `Tensor ${t.dtype}${showShape(t.shape)}`;
  if (t.disposed) return `${head} (disposed)`;
  const line = `${head} on ${t.backend.name}`;
  if (t.size > MAX_ELEMENTS || !(alone || (t.rank < 2 && t.size <= 8))) return line;
  try {
    const shown = String(t);
    return alone ? shown : shown.replace('\n', ' ');
  } catch {
    return line; // its backend was disposed of, or only records
  }
}

/** `Parameter float32[8] on cpu (locked)` */
export function slotText(slot: ShownSlot, alone: boolean): string {
  const [head, ...values] = tensorText(slot.value, alone).split('\n');
  const line = head!.replace('Tensor', slot.constructor.name) + (slot.locked ? ' (locked)' : '');
  return [line, ...values].join('\n');
}

/** A tree of layers: name, class, shapes, what is locked. */
export function moduleText(m: ShownModule, alone: boolean): string {
  if (!alone) return summary(m);
  for (let depth = depthOf(m); ; depth--) {
    const lines = [...tree(m, '', depth)];
    if (lines.length <= MAX_LINES) return lines.join('\n');
    if (depth > 1) continue;
    const more = `  … ${lines.length - MAX_LINES} more …`;
    return [...lines.slice(0, MAX_LINES / 2), more, ...lines.slice(-MAX_LINES / 2)].join('\n');
  }
}

const isModule = (member: ShownModule | ShownSlot): member is ShownModule => 'members' in member;
const below = (m: ShownModule): [string, ShownModule][] =>
  [...m.members()].filter((entry): entry is [string, ShownModule] => isModule(entry[1]));
const depthOf = (m: ShownModule): number => Math.max(0, ...below(m).map(([, child]) => 1 + depthOf(child)));

function* tree(m: ShownModule, indent: string, depth: number): Generator<string> {
  const inner = below(m);
  yield inner.length ? summary(m) : layer(m);
  if (depth > 0)
    for (const [name, child] of inner) {
      const [first, ...rest] = tree(child, `${indent}  `, depth - 1);
      yield `${indent}  ${name}: ${first}`;
      yield* rest;
    }
}

/** `Sequential, 1,234 parameters, 1,000 locked` */
function summary(m: ShownModule): string {
  const count = (all: readonly ShownSlot[]): number => all.reduce((sum, p) => sum + p.value.size, 0);
  const parameters = m.parameters();
  const [all, locked] = [count(parameters), count(parameters.filter((p) => p.locked))];
  const comma = (n: number): string => String(n).replace(/\B(?=(\d{3})+$)/g, ',');
  const part = all === 0 ? '' : locked === all ? ', locked' : locked ? `, ${comma(locked)} locked` : '';
  return `${m.constructor.name}, ${comma(all)} parameters${part}`;
}

/** `Conv2d, weight [8, 1, 3, 3], bias [8], locked` */
function layer(m: ShownModule): string {
  const own = [...m.namedParameters()];
  const shapes = own.map(([name, p]) => `, ${name} ${showShape(p.value.shape)}`).join('');
  return `${m.constructor.name}${shapes}${own.length && own.every(([, p]) => p.locked) ? ', locked' : ''}`;
}
