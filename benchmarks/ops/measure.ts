import { loadavg } from 'node:os';
import type { Task } from './contender.ts';

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

async function times(task: Task, n: number): Promise<void> {
  for (let i = 0; i < n; i++) {
    const pending = task.run();
    if (pending) await pending;
  }
}

/** Seconds of a run from which on one round has to do. */
const SLOW = 20;

/**
 * Milliseconds per run of every task, round by round: in a round each task has its turn, and the first round is dropped.
 * A task so slow that nobody would wait for it has one round only.
 */
export async function interleave(tasks: readonly Task[], options: MeasureOptions): Promise<number[][]> {
  const { repeat, clock, warm = 400, round = 4 } = options;
  const now = clocks[clock];
  const counts: number[] = [];
  const slow: boolean[] = [];
  for (const task of tasks) {
    await task.enter?.();
    const end = performance.now() + warm;
    let last: number;
    let runs = 0;
    do {
      const start = performance.now();
      await times(task, 1);
      last = performance.now() - start;
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
      const start = now();
      await times(task, counts[i]!);
      if (r > 0) out[i]!.push((now() - start) / counts[i]!);
    }
  }
  return out;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Processes that wanted to run in the last minute, on average. */
export const load = (): number => loadavg()[0]!;
