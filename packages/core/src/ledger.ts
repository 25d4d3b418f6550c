import type { Backend } from './backend.ts';

/** A backend buffer shared by the tensors that alias it. */
export interface Storage {
  readonly backend: Backend;
  readonly buffer: unknown;
  readonly bytes: number;
  refs: number;
}

/** What the bookkeeping of memory sees of a tensor: `Tensor` says what each is for. */
export interface Managed {
  readonly storage: Storage;
  readonly backend: Backend;
  readonly disposed: boolean;
  readonly kept: boolean;
  readonly retained: number;
  owned: boolean;
  watched: Ticket | null;
  dispose(): void;
}

/** Tensors alive on a backend and the bytes behind them (aliases share theirs). */
export interface MemoryCount {
  tensors: number;
  bytes: number;
}

/** An object that is let go, so that a collection can find it. */
export interface Sentinel {
  held?: object;
  found: boolean;
}

/** What is to be called when objects are lost, by ticket. */
type Watches = Map<object, () => void>;
/** Of a watched object: all that a registry holds of it. */
type Ticket = WeakRef<Watches>;

/** What core knows of a backend's tensors. Reachable from the backend alone: it goes with it. */
export interface Ledger extends MemoryCount {
  /** Most bytes since somebody asked. */
  peak: number;
  readonly most: number;
  /** See lost.ts. Null where nothing has to be freed. */
  young: Managed[] | null;
  /** Held by nothing else: where the ledger goes, nobody is called. */
  readonly watches: Watches;
  /** Will the young be registered in the event loop's next turn? */
  scheduled: boolean;
  /** Tensors whose owner was lost since the last sweep. */
  orphans: number;
  /** What was alive after the last sweep. */
  readonly floor: MemoryCount;
  /** By which the next sweep notices a full collection. */
  sentinel: Sentinel | null;
  sweeping: Promise<void> | null;
}

/** Bytes that tensors may hold where the backend sets no limit of its own: what WebAssembly can address. */
const MOST_BYTES = 2 ** 32;
/** Two million small tensors are a gigabyte of the engine's own memory, and it aborts when that runs out. */
export const MOST_TENSORS: number = 2 ** 21;

const ledgers = new WeakMap<Backend, Ledger>();

export function ledgerOf(backend: Backend): Ledger {
  let ledger = ledgers.get(backend);
  if (!ledger) {
    ledger = {
      tensors: 0,
      bytes: 0,
      peak: 0,
      most: backend.maxBytes ?? MOST_BYTES,
      young: [],
      watches: new Map(),
      scheduled: false,
      orphans: 0,
      floor: { tensors: 0, bytes: 0 },
      sentinel: null,
      sweeping: null,
    };
    ledgers.set(backend, ledger);
  }
  return ledger;
}

/** Called by `Tensor.dispose`, and for tensors that are lost. */
export function unregister(storage: Storage): void {
  const ledger = ledgerOf(storage.backend);
  ledger.tensors--;
  if (--storage.refs === 0) {
    ledger.bytes -= storage.bytes;
    storage.backend.release(storage.buffer);
  }
}

/*
 * One for all backends, for as long as the program lives. V8 (11.3, Node 20's) tells registries of what was lost in a task; one that
 * is collected itself between a collection and that task leaves the task without work, and from then on no registry of the process is
 * told of anything.
 */
const registry = new FinalizationRegistry<Ticket>((ticket) => {
  const watches = ticket.deref();
  const lost = watches?.get(ticket);
  watches?.delete(ticket);
  lost?.();
});

/** Calls `lost`, which must not hold the target, when the target is lost. */
export function watch({ watches }: Ledger, target: object, lost: () => void): Ticket {
  const ticket = new WeakRef(watches);
  watches.set(ticket, lost);
  registry.register(target, ticket, target);
  return ticket;
}

export function unwatch({ watches }: Ledger, target: object, ticket: Ticket): void {
  watches.delete(ticket);
  registry.unregister(target);
}
