import { GraftError } from '@graftjs/core/backend';
import type { Task } from './context.ts';
import { startThread, type Thread } from './host-threads.ts';
import { processors, type WasmMemory, type WasmModule } from './host.ts';
import { FIELD, WORDS, WORDS_AT, WORKER } from './worker.ts';

/** Settings that only tests change. */
export interface Tuning {
  /** Nanoseconds of work that are worth another thread: waking it takes 5 to 50 µs, finding it spinning 1. */
  readonly worth: number;
  /** Milliseconds to wait for a thread that holds a piece before giving it up for dead. */
  readonly patience: number;
  /** Milliseconds to wait for a thread that was started. */
  readonly start: number;
}

const TUNING: Tuning = { worth: 15_000, patience: 30_000, start: 30_000 };
/** Pieces per thread, so that a thread which came late or was held up leaves its share to the others. */
const PIECES = 8;
/** Looks at a word before going to sleep over it: some 50 µs, longer than TypeScript takes from one task to the next. */
const SPINS = 20_000;

/** The worker threads of a backend; parked while there is nothing to do. */
export class Threads {
  readonly #words: Int32Array;
  readonly #kernels: ReadonlyMap<string, number>;
  readonly #spins: number;
  readonly #tuning: Tuning;
  #workers: Thread[] = [];

  private constructor(words: Int32Array, names: readonly string[], spins: number, tuning: Tuning) {
    this.#words = words;
    this.#kernels = new Map(names.map((name, i) => [name, i]));
    this.#spins = spins;
    this.#tuning = tuning;
  }

  /**
   * Starts `count` workers on a shared memory and waits until all are ready.
   * @throws GraftError if one cannot start
   */
  static async start(
    module: WasmModule,
    memory: WasmMemory,
    kernels: readonly string[],
    count: number,
    tuning: Partial<Tuning> = {},
  ): Promise<Threads> {
    const words = new Int32Array(memory.buffer, WORDS_AT, WORDS);
    // With more threads than processors, one that spins keeps another from working.
    const spins = count < processors() ? SPINS : 0;
    const threads = new Threads(words, kernels, spins, { ...TUNING, ...tuning });
    const starting = Array.from(
      { length: count },
      (_, i) =>
        new Promise<void>((resolve, reject) => {
          const ready = (): void => {
            clearTimeout(late);
            threads.#workers.push(thread);
            thread.unref();
            resolve();
          };
          const gone = (reason: string): void => {
            clearTimeout(late);
            threads.#workers = threads.#workers.filter((other) => other !== thread);
            reject(new GraftError(`thread ${i + 2} did not start: ${reason}`));
          };
          const thread = startThread(WORKER, ready, gone);
          const { start } = threads.#tuning;
          const late = setTimeout(() => {
            gone(`it did not answer within ${start / 1000} s`);
            void thread.terminate();
          }, start);
          thread.post({ module, memory, index: i + 1, spins, kernels });
        }),
    );
    try {
      await Promise.all(starting);
    } catch (error) {
      await threads.stop();
      throw error;
    }
    return threads;
  }

  /** Workers alive. */
  get count(): number {
    return this.#workers.length;
  }

  /**
   * Shares a task out. Pieces are taken from a common counter, so nobody waits for a worker that takes none.
   * @returns false if it is too little for more than one thread: the caller does it.
   * @throws GraftError if a worker failed; the output is then worthless
   */
  run({ kernel, args, count, grain = 1, cost }: Task, call: (begin: number, end: number) => void): boolean {
    const grains = Math.ceil(count / grain);
    const helpers = Math.min(this.#workers.length, grains - 1, Math.floor(cost / this.#tuning.worth));
    if (helpers < 1) return false;
    const words = this.#words;
    const most = Math.max(helpers + 1, Math.floor(cost / this.#tuning.worth));
    const pieces = Math.min(grains, (helpers + 1) * PIECES, most);
    const size = Math.ceil(grains / pieces) * grain;
    words[FIELD.kernel] = this.#kernels.get(kernel)!;
    words[FIELD.argCount] = args.length;
    words[FIELD.count] = count;
    words[FIELD.size] = size;
    words[FIELD.failed] = 0;
    words.set(args, FIELD.args);
    Atomics.store(words, FIELD.next, 0);
    Atomics.store(words, FIELD.seats, helpers);
    Atomics.store(words, FIELD.open, 1);
    Atomics.add(words, FIELD.task, 1);
    Atomics.notify(words, FIELD.task, helpers);
    try {
      for (let begin = 0; (begin = size * Atomics.add(words, FIELD.next, 1)) < count;) {
        call(begin, Math.min(begin + size, count));
      }
    } finally {
      // From here on no worker enters; those inside read the task until they leave.
      Atomics.store(words, FIELD.open, 0);
      this.#wait();
    }
    if (words[FIELD.failed]) {
      throw new GraftError(
        `thread ${words[FIELD.failed]! + 1} of 'wasm' failed in '${kernel}': the result is lost, other tensors are not`,
      );
    }
    return true;
  }

  /** Until no worker is inside a task. */
  #wait(): void {
    const words = this.#words;
    for (let i = 0; i < this.#spins; i++) if (Atomics.load(words, FIELD.inside) === 0) return;
    const limit = Date.now() + this.#tuning.patience;
    for (;;) {
      const inside = Atomics.load(words, FIELD.inside);
      if (inside === 0) return;
      try {
        Atomics.wait(words, FIELD.inside, inside, 100);
      } catch {
        // The main thread of a page must not sleep: go on looking.
      }
      if (Date.now() < limit) continue;
      void this.stop();
      Atomics.store(words, FIELD.inside, 0);
      throw new GraftError(
        "a thread of 'wasm' died at work: the result is lost, other tensors are not; it goes on with one thread",
      );
    }
  }

  /** Ends all workers. */
  async stop(): Promise<void> {
    const workers = this.#workers;
    this.#workers = [];
    await Promise.all(workers.map((w) => w.terminate()));
  }
}
