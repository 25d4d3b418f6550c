import type { Backend } from './backend.ts';
import { GraftError, OutOfMemoryError } from './errors.ts';
import {
  ledgerOf,
  MOST_TENSORS,
  unregister,
  type Ledger,
  type Managed,
  type MemoryCount,
  type Storage,
} from './ledger.ts';
import { guard } from './lost.ts';

const scopes: Managed[][] = [];

/**
 * How many tensors are alive on a backend now. Tests assert that a training step does not change it. Tensors that nobody
 * holds count until they are freed; see `freeLost`.
 * @example
 * const before = memory(getDefaultBackend());
 * using x = zeros([256]);
 * memory(getDefaultBackend()).bytes - before.bytes; // → 1024
 */
export function memory(backend: Backend): Readonly<MemoryCount> {
  const { tensors, bytes } = ledgerOf(backend);
  return { tensors, bytes };
}

/**
 * Runs `fn`, which may be asynchronous.
 * @returns what it gives, and the most bytes that tensors held at one time meanwhile, beyond those held before. Room that
 * kernels use while they run is not among them.
 */
export function peakMemory<T>(backend: Backend, fn: () => Promise<T>): Promise<{ value: T; bytes: number }>;
export function peakMemory<T>(backend: Backend, fn: () => T): { value: T; bytes: number };
export function peakMemory<T>(
  backend: Backend,
  fn: () => T | Promise<T>,
): { value: T; bytes: number } | Promise<{ value: T; bytes: number }> {
  const ledger = ledgerOf(backend);
  const { peak, bytes } = ledger;
  ledger.peak = bytes;
  const done = (value: T): { value: T; bytes: number } => {
    const most = ledger.peak - bytes;
    ledger.peak = Math.max(ledger.peak, peak);
    return { value, bytes: most };
  };
  const value = fn();
  return value instanceof Promise ? value.then(done) : done(value);
}

/** Called by the constructor of `Tensor` alone. @throws OutOfMemoryError; the buffer is released then. */
export function register(tensor: Managed, storage: Storage): void {
  const ledger = ledgerOf(storage.backend);
  ledger.tensors++;
  if (storage.refs++ === 0 && (ledger.bytes += storage.bytes) > ledger.peak) ledger.peak = ledger.bytes;
  if (ledger.bytes > ledger.most || ledger.tensors > MOST_TENSORS) throw refused(storage, ledger);
  const scope = scopes.at(-1);
  if (scope) scope.push(tensor);
  else guard(tensor, ledger);
}

function refused(storage: Storage, ledger: Ledger): OutOfMemoryError {
  unregister(storage);
  const { tensors, bytes, most } = ledger;
  const mib = (n: number): string => `${Math.round(n / 2 ** 20)} MiB`;
  return new OutOfMemoryError(
    `no room on '${storage.backend.name}': ${tensors} tensors hold ${mib(bytes)}, of at most ${MOST_TENSORS} and ${mib(most)}. ` +
      'What nobody holds is freed only while a program waits: await data() now and then, or run each round in scope(), or dispose()',
  );
}

/** All tensors in a value: itself, or in arrays, maps and plain objects. */
export function tensorsIn<T extends Managed>(
  value: unknown,
  isTensor: (v: unknown) => v is T,
  found: Set<T> = new Set(),
): Set<T> {
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
export function runScope<T>(fn: () => T, isTensor: (v: unknown) => v is Managed): T {
  const made: Managed[] = [];
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

function close(made: readonly Managed[], escaping: ReadonlySet<Managed>): void {
  scopes.length = scopes.lastIndexOf(made as Managed[]);
  const outer = scopes.at(-1);
  for (const t of made) {
    if (t.disposed) continue;
    const stays = t.kept || escaping.has(t) || t.retained > 0;
    if (!stays) t.dispose();
    else if (outer && !t.kept) outer.push(t);
    else guard(t, ledgerOf(t.backend));
  }
}
