import { withMessage } from '../error-messages.ts';

/** Where an error comes from: the innermost module that is known, and what it said there. */
const origins = new WeakMap<Error, { module: object; readonly message: string }>();

/** Modules by path, as `namedModules` gives them. */
type Named = Iterable<readonly [path: string, module: object]>;

/**
 * Puts the path of the layer in which an error arose before its message: 'features.3.conv: input has …'. Each module
 * around it, from the inside out, calls this and so lengthens the path; the class of the error stays.
 * @param named What the caller knows by name.
 * @param at The module whose `forward` it came through.
 */
export function nameLayer(error: unknown, named: Named, at?: object): void {
  if (!(error instanceof Error)) return;
  let origin = origins.get(error);
  if (!origin) {
    if (!at) return;
    origins.set(error, (origin = { module: at, message: error.message }));
  }
  for (const [path, module] of named) {
    if (module !== origin.module) continue;
    if (path) withMessage(error, `${path}: ${origin.message}`);
    return;
  }
  // A part that `members()` does not name: then the module around it is the innermost that has a path.
  if (at) origin.module = at;
}

const wrapped = new WeakSet<object>();

/**
 * Makes the `forward` of a class, and of those that it extends, tell errors where they come from. Done once for a class:
 * a `forward` that works does nothing more than before.
 */
export function traceErrors(type: object, top: object): void {
  for (let p: object = type; p !== top && !wrapped.has(p); p = Object.getPrototypeOf(p) as object) {
    wrapped.add(p);
    const own = Object.getOwnPropertyDescriptor(p, 'forward');
    if (typeof own?.value !== 'function' || !own.configurable) continue;
    const forward = own.value as (this: object, ...args: unknown[]) => unknown;
    const value = function (this: { namedModules(): Named }, ...args: unknown[]): unknown {
      try {
        return forward.apply(this, args);
      } catch (error) {
        nameLayer(error, this.namedModules(), this);
        throw error;
      }
    };
    Object.defineProperty(p, 'forward', { ...own, value });
  }
}
