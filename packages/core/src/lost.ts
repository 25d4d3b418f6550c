import type { Backend } from './backend.ts';
import {
  ledgerOf,
  unregister,
  watch,
  type Ledger,
  type Managed,
  type MemoryCount,
  type Sentinel,
  type Storage,
} from './ledger.ts';

/*
 * Tensors that nobody holds any more. `scope()`, `dispose()` and the owners of tensors (parameters, optimizers) free what
 * they know of at once; this is the net below them. `docs/adr/0009` has the reasons and measurements.
 *
 * A tensor that outlives all scopes is *young* at first: a list holds it, for registering it with the engine's garbage
 * collector costs microseconds, and most are disposed of soon. Those that are left when the event loop turns are
 * registered. What the collector then finds lost is released between two turns of the event loop, never while a program
 * computes. A collector does not see bytes in WebAssembly or on a graphics processor, so `relieve` makes it run when
 * they have become many.
 */

/** Growth since the last collection from which on `relieve` acts; of much that is alive, a quarter. */
const BYTES = 32 * 2 ** 20;
const TENSORS = 4096;
/** The young are registered when they are so many, even if the event loop does not turn. */
const YOUNG = 8192;
/**
 * Attempts to make the collector run, and how many of them follow each other at once. Then the pauses double, to half a second:
 * Node is through after a few, a browser tells of what it has collected when it has nothing better to do.
 */
const TRIES = 16;
const AT_ONCE = 6;
/** From this attempt on, what is asked for is as large as can be. */
const LARGEST = 4;
/** Most runs of the collector in a row. */
const RUNS = 8;
/** The same where a program only goes on: much of what there is may be alive. */
const FEW = 3;

type Schedule = (run: () => void) => unknown;
/** Looked up once: tests put others in their place. A turn of the event loop, and one as soon as there is nothing else. */
const host = globalThis as { setImmediate?: Schedule; setTimeout?: (run: () => void, ms: number) => unknown };
const timer = host.setTimeout;
const later: Schedule | undefined = timer && ((run) => timer(run, 0));
const turn: Schedule | undefined = host.setImmediate ?? later;

/** Watches over a tensor that left all scopes. */
export function guard(t: Managed, ledger: Ledger): void {
  const { young } = ledger;
  if (!young || t.owned || t.watched) return;
  young.push(t);
  if (young.length >= YOUNG) registerYoung(ledger);
  else if (!ledger.scheduled && later) {
    ledger.scheduled = true;
    later(() => {
      ledger.scheduled = false;
      registerYoung(ledger);
    });
  }
}

function registerYoung(ledger: Ledger): void {
  for (const t of ledger.young ?? []) {
    if (t.disposed || t.owned || t.watched) continue;
    t.watched = watch(ledger, t, releaseOf(t.storage));
  }
  if (ledger.young) ledger.young.length = 0;
}

/** In a function of its own: in the closure there must be nothing that holds the tensor. */
function releaseOf(storage: Storage): () => void {
  return () => unregister(storage);
}

/**
 * Tensors that an owner answers for: they need no watching, which would have to begin anew with every value of a
 * parameter. If the owner is lost, they are watched like others, since somebody may have taken one.
 */
export class Property {
  readonly backend: Backend;
  readonly #held: { tensors: readonly Managed[] } = { tensors: [] };

  /** @param tensors One at least, all on one backend. */
  constructor(owner: object, tensors: readonly Managed[]) {
    this.backend = tensors[0]!.backend;
    const ledger = ledgerOf(this.backend);
    const held = this.#held;
    this.exchange(tensors);
    if (!ledger.young) return;
    watch(ledger, owner, () => {
      for (const t of held.tensors) {
        if (t.disposed) continue;
        t.owned = false;
        ledger.orphans++;
        guard(t, ledger);
      }
    });
  }

  /** It owns these from now on. What became of the others is the owner's affair. */
  exchange(tensors: readonly Managed[]): void {
    for (const t of tensors) t.owned = true;
    this.#held.tensors = tensors;
  }
}

/** Calls `lost` once nobody holds `owner`; `lost` must not hold it. */
export function whenLost(owner: object, backend: Backend, lost: () => void): void {
  watch(ledgerOf(backend), owner, lost);
}

/** Its tensors are symbols: there is nothing to free. */
export function neverGuard(backend: Backend): void {
  ledgerOf(backend).young = null;
}

/** What may come together beyond what was alive after the last collection. */
function roomOf({ floor, most }: Ledger): MemoryCount {
  return {
    bytes: Math.max(Math.min(BYTES, most / 8), floor.bytes / 4),
    tensors: Math.max(TENSORS, floor.tensors / 4),
  };
}

/** Has so much become of a backend's tensors that some of them may be lost? */
export function isPressed(backend: Backend): boolean {
  const ledger = ledgerOf(backend);
  const { bytes, tensors, floor } = ledger;
  // What was alive then is forgotten little by little when it goes.
  if (bytes < floor.bytes) floor.bytes -= (floor.bytes - bytes) / 64;
  if (tensors < floor.tensors) floor.tensors -= (floor.tensors - tensors) / 64;
  const room = roomOf(ledger);
  return bytes > floor.bytes + room.bytes || tensors > floor.tensors + room.tensors;
}

/**
 * Where a backend's tensors have become many: lets the event loop turn and, if that frees too little, makes the garbage
 * collector run, so that lost tensors are freed. `Tensor.data()` does it; a backend's `flush()` has to. Costs nothing
 * otherwise.
 */
export async function relieve(backend: Backend): Promise<void> {
  if (!isPressed(backend)) return;
  const ledger = ledgerOf(backend);
  ledger.sweeping ??= sweep(ledger, false).finally(() => (ledger.sweeping = null));
  await ledger.sweeping;
}

/**
 * Frees all tensors of a backend that nobody holds, now: for measurements, and before something large. Takes some
 * milliseconds; loops that await `data()` need not call it.
 *
 * @example
 * const backend = getDefaultBackend();
 * for (let i = 0; i < 100; i++) zeros([64, 64]); // nobody holds them
 * await freeLost(backend);
 * typeof memory(backend).bytes; // → 'number'
 */
export async function freeLost(backend: Backend): Promise<void> {
  const ledger = ledgerOf(backend);
  await ledger.sweeping;
  ledger.sweeping ??= sweep(ledger, true).finally(() => (ledger.sweeping = null));
  await ledger.sweeping;
}

async function sweep(ledger: Ledger, whole: boolean): Promise<void> {
  if (!turn) return;
  const { floor } = ledger;
  const next = (): Promise<void> => new Promise((resolve) => turn(resolve));
  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => (timer ? timer(resolve, ms) : turn(resolve)));
  const isEnough = (): boolean => {
    const room = roomOf(ledger);
    return ledger.bytes <= floor.bytes + room.bytes / 2 && ledger.tensors <= floor.tensors + room.tensors / 2;
  };
  for (let run = 0, before = NaN; run < RUNS; run++) {
    ledger.orphans = 0;
    registerYoung(ledger);
    // The last run's sentinel has grown old where that run saw a full collection.
    const sentinel = ledger.sentinel ?? newSentinel(ledger);
    const letGo = ledger.sentinel ? 0 : LARGEST;
    const following = newSentinel(ledger);
    await next();
    for (let i = 0; !(isEnough() && !whole); i++) {
      if (i === TRIES || sentinel.found) break;
      if (i >= letGo) delete sentinel.held;
      press(i);
      await (i < AT_ONCE ? next() : pause(2 ** (i - AT_ONCE)));
    }
    ledger.sentinel = sentinel.held ? ledger.sentinel : sentinel.found ? following : null;
    // What the owners that went have left goes with the next run.
    if (ledger.orphans === 0 && (whole ? ledger.tensors === before : isEnough() || run === FEW - 1)) break;
    before = ledger.tensors;
  }
  floor.bytes = ledger.bytes;
  floor.tensors = ledger.tensors;
}

/**
 * Collections of the young generation alone find a new object, and free nothing that has grown old. So a sentinel is held until
 * it is old itself: a full collection makes all that it leaves so, the largest array probably.
 */
function newSentinel(ledger: Ledger): Sentinel {
  const sentinel: Sentinel = { held: {}, found: false };
  watch(ledger, sentinel.held!, () => (sentinel.found = true));
  return sentinel;
}

/**
 * Asks for a large array and drops it. Engines count the bytes behind arrays as a reason to collect, at the latest when
 * they do not get them; nobody writes to this one, so it takes no memory.
 */
function press(attempt: number): void {
  try {
    new ArrayBuffer(2 ** (28 + Math.min(attempt, LARGEST)));
  } catch {
    // Not given: then the engine has collected before it said so.
  }
}
