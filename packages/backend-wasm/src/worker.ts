/*
 * What a worker thread runs, and the words in shared memory over which it gets its tasks. It is kept as text, so that
 * neither a bundler nor a host has to find another file; it holds no arithmetic, only calls of kernels.
 */

/** Where things are among the words. */
export const FIELD = {
  /** Counts tasks; sleepers wait on it. */
  task: 0,
  /** 1 while a task may be entered. */
  open: 1,
  /** Workers that may still join it. */
  seats: 2,
  /** Workers in the task; the caller waits for 0. */
  inside: 3,
  /** First piece that nobody has taken. */
  next: 4,
  kernel: 5,
  argCount: 6,
  count: 7,
  /** Parts per piece. */
  size: 8,
  /** Which worker's kernel failed; 0 if none. */
  failed: 9,
  args: 16,
} as const;

export const WORDS: number = FIELD.args + 32;
/** In bytes: the end of the first page, whose beginning holds the kernels' constants. */
export const WORDS_AT: number = 65536 - 4 * WORDS;

/**
 * A worker enters (`inside` + 1) before it looks whether the task is open, and the caller closes before it looks whether
 * anyone is inside: so no worker reads a task while the next one is being written.
 */
export const WORKER: string = `
receive(({ module, memory, index, spins, kernels }) => {
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  exports.setThread(index);
  const list = kernels.map((name) => exports[name]);
  const w = new Int32Array(memory.buffer, ${WORDS_AT}, ${WORDS});
  let task = Atomics.load(w, ${FIELD.task});
  send('ready');
  for (;;) {
    for (let i = 0; i < spins && Atomics.load(w, ${FIELD.task}) === task; i++);
    Atomics.wait(w, ${FIELD.task}, task);
    task = Atomics.load(w, ${FIELD.task});
    Atomics.add(w, ${FIELD.inside}, 1);
    if (Atomics.load(w, ${FIELD.open}) && Atomics.sub(w, ${FIELD.seats}, 1) > 0) {
      const run = list[w[${FIELD.kernel}]];
      const args = Array.from(w.subarray(${FIELD.args}, ${FIELD.args} + w[${FIELD.argCount}]));
      const count = w[${FIELD.count}];
      const size = w[${FIELD.size}];
      try {
        for (let begin; (begin = size * Atomics.add(w, ${FIELD.next}, 1)) < count; )
          run(...args, begin, Math.min(begin + size, count));
      } catch {
        Atomics.store(w, ${FIELD.failed}, index);
      }
    }
    Atomics.sub(w, ${FIELD.inside}, 1);
    Atomics.notify(w, ${FIELD.inside});
  }
});
`;
