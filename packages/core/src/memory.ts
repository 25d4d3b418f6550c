import type { Backend } from './backend.ts';
import { GraftError } from './errors.ts';
import type { Tensor } from './tensor.ts';

/** A backend buffer shared by the tensors that alias it. */
export interface Storage {
  readonly backend: Backend;
  readonly buffer: unknown;
  readonly bytes: number;
  refs: number;
}

/** Tensors alive on a backend and the bytes behind them (aliases share theirs). */
export interface MemoryCount {
  tensors: number;
  bytes: number;
}

const counts = new WeakMap<Backend, MemoryCount>();
const scopes: Tensor[][] = [];

function countOf(backend: Backend): MemoryCount {
  let count = counts.get(backend);
  if (!count) counts.set(backend, (count = { tensors: 0, bytes: 0 }));
  return count;
}

/** How many tensors are alive on a backend now. Tests assert that a training step does not change it. */
export function memory(backend: Backend): Readonly<MemoryCount> {
  return { ...countOf(backend) };
}

/** Called by the constructor of `Tensor` alone. */
export function register(tensor: Tensor, storage: Storage): void {
  const count = countOf(storage.backend);
  count.tensors++;
  if (storage.refs++ === 0) count.bytes += storage.bytes;
  scopes.at(-1)?.push(tensor);
}

/** Called by `Tensor.dispose` alone. */
export function unregister(storage: Storage): void {
  const count = countOf(storage.backend);
  count.tensors--;
  if (--storage.refs === 0) {
    count.bytes -= storage.bytes;
    storage.backend.release(storage.buffer);
  }
}

/** All tensors in a value: itself, or in arrays, maps and plain objects. */
export function tensorsIn(
  value: unknown,
  isTensor: (v: unknown) => v is Tensor,
  found: Set<Tensor> = new Set(),
): Set<Tensor> {
  if (isTensor(value)) found.add(value);
  else if (Array.isArray(value) || value instanceof Set) for (const v of value) tensorsIn(v, isTensor, found);
  else if (value instanceof Map) for (const v of value.values()) tensorsIn(v, isTensor, found);
  else if (value !== null && typeof value === 'object') {
    const proto: unknown = Object.getPrototypeOf(value);
    if (proto === Object.prototype || proto === null)
      for (const v of Object.values(value)) tensorsIn(v, isTensor, found);
  }
  return found;
}

/**
 * Runs `fn` and frees every tensor made inside, but those in its result (directly, or in arrays, maps and plain
 * objects) and those marked with `keep()`. On an exception all are freed. `fn` must be synchronous.
 */
export function runScope<T>(fn: () => T, isTensor: (v: unknown) => v is Tensor): T {
  const made: Tensor[] = [];
  scopes.push(made);
  let result: T;
  try {
    result = fn();
    if (result instanceof Promise) {
      throw new GraftError(
        'scope() takes a synchronous function: put the `await` outside, or dispose by hand',
      );
    }
  } catch (e) {
    close(made, new Set());
    throw e;
  }
  close(made, tensorsIn(result, isTensor));
  return result;
}

function close(made: readonly Tensor[], escaping: ReadonlySet<Tensor>): void {
  scopes.length = scopes.lastIndexOf(made as Tensor[]);
  const outer = scopes.at(-1);
  for (const t of made) {
    if (t.kept || t.disposed) continue;
    if (escaping.has(t) || t.retained > 0) outer?.push(t);
    else t.dispose();
  }
}
