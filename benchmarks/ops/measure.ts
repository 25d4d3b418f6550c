import type { Task } from './task.ts';

export type Clock = 'wall' | 'cpu';

export interface MeasureOptions {
  /** Rounds that count. */
  readonly repeat: number;
  /** Processor time is less disturbed by other work on the machine, but only of use on one thread. */
  readonly clock: Clock;
  /** Milliseconds that a task runs before anything counts, at least twice: V8 optimizes meanwhile. Default 400. */
  readonly warm?: number;
  /** Short work is repeated in a round until it takes about this many milliseconds. Default 4. */
  readonly round?: number;
}

const clocks: Record<Clock, () => number> = {
  wall: () => performance.now(),
  cpu() {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  },
};

/** Milliseconds of `n` runs. */
export async function timed(task: Task, n: number, clock: Clock = 'wall'): Promise<number> {
  if (task.time) return task.time(n);
  const now = clocks[clock];
  const start = now();
  for (let i = 0; i < n; i++) {
    const pending = task.run();
    if (pending) await pending;
  }
  if (task.finish) await task.finish();
  return now() - start;
}

/** Seconds of a run from which on one round has to do. */
const SLOW = 20;

/**
 * Milliseconds per run of every task, round by round: in a round each task has its turn, and the first round is dropped.
 * A task so slow that nobody would wait for it has one round only.
 */
export async function interleave(tasks: readonly Task[], options: MeasureOptions): Promise<number[][]> {
  const { repeat, clock, warm = 400, round = 4 } = options;
  const counts: number[] = [];
  const slow: boolean[] = [];
  for (const task of tasks) {
    await task.enter?.();
    const end = performance.now() + warm;
    let last: number;
    let runs = 0;
    do {
      last = await timed(task, 1);
      runs++;
    } while (runs < 2 || performance.now() < end);
    slow.push(last >= 1000 * SLOW);
    counts.push(Math.max(1, Math.round(round / Math.max(last, 1e-3))));
  }
  const out = tasks.map((): number[] => []);
  for (let r = 0; r <= repeat; r++) {
    for (const [i, task] of tasks.entries()) {
      if (slow[i] && r !== repeat) continue;
      await task.enter?.();
      const time = await timed(task, counts[i]!, clock);
      if (r > 0) out[i]!.push(time / counts[i]!);
    }
  }
  return out;
}

/** Below and above which a quarter of the values are. */
export function quartiles(values: readonly number[]): [number, number] {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (part: number): number => sorted[Math.round(part * (sorted.length - 1))]!;
  return [at(0.25), at(0.75)];
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
