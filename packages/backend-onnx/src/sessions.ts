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
