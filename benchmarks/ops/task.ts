/** Work made ready: operands in place, kernels compiled where the library can do that ahead. */
export interface Task {
  /** Does the work once. The result is there when it returns, or after `finish`. */
  run(): void | Promise<void>;
  /** Returns when all runs are done: of libraries that queue their work. */
  finish?(): void | Promise<void>;
  /** Milliseconds of `n` runs and what finishes them, where they do not run here: by the clock of the place. */
  time?(n: number): Promise<number>;
  /** Before a round of runs, not timed: a library with one global state turns to this task. */
  enter?(): void | Promise<void>;
  /** What a convolution gives, channels first, or the first losses of a training step: the runner compares it with everyone else's. */
  result?(): Promise<ArrayLike<number> | null>;
  dispose(): void | Promise<void>;
}
