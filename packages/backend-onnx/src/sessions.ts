import type { OrtSession } from './ort.ts';

/** A session that is made when it is first wanted. */
export class LazySession {
  readonly #make: () => Promise<OrtSession>;
  readonly #limits: Live;
  #session: OrtSession | null = null;

  constructor(limits: Live, make: () => Promise<OrtSession>) {
    this.#limits = limits;
    this.#make = make;
  }

  /** To be called from the queue. */
  async get(): Promise<OrtSession> {
    if (!this.#session) {
      this.#session = await this.#make();
      this.#limits.count++;
    }
    return this.#session;
  }

  /** To be called from the queue. It is made anew if it is wanted again. */
  async release(): Promise<void> {
    const session = this.#session;
    if (!session) return;
    this.#session = null;
    this.#limits.count--;
    await session.release();
  }
}

/** How many sessions there are. */
export interface Live {
  count: number;
}

/** What was used last stays: as many entries as the limits allow. `drop` is called for those that go. */
export class Recent<T extends { readonly bytes: number }> {
  readonly #entries = new Map<string, T>();
  readonly #limits: Limits;
  readonly #drop: (entry: T) => void;
  bytes = 0;

  constructor(limits: Limits, drop: (entry: T) => void) {
    this.#limits = limits;
    this.#drop = drop;
  }

  get(key: string, make: () => T): T {
    let entry = this.#entries.get(key);
    if (entry) this.#entries.delete(key);
    else {
      entry = make();
      this.bytes += entry.bytes;
    }
    this.#entries.set(key, entry);
    while (this.#entries.size > 1 && this.#isOver()) this.#dropOldest();
    return entry;
  }

  clear(): void {
    while (this.#entries.size > 0) this.#dropOldest();
  }

  #isOver(): boolean {
    return this.#entries.size > this.#limits.sessions || this.bytes > this.#limits.bytes;
  }

  #dropOldest(): void {
    const [key, entry] = this.#entries.entries().next().value!;
    this.#entries.delete(key);
    this.bytes -= entry.bytes;
    this.#drop(entry);
  }
}

export interface Limits {
  readonly sessions: number;
  readonly bytes: number;
}
