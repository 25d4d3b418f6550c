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
  watched: boolean;
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

/** What core knows of a backend's tensors. Reachable from the backend alone: it goes with it. */
export interface Ledger extends MemoryCount {
  /** Most bytes since somebody asked. */
  peak: number;
  readonly most: number;
  /** See lost.ts. Null where nothing has to be freed. */
  young: Managed[] | null;
  /** Calls what was registered when its target is lost. */
  readonly registry: FinalizationRegistry<() => void>;
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
      registry: new FinalizationRegistry((lost) => lost()),
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
