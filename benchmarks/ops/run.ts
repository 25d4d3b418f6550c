import { createWasmBackend } from '@graftjs/backend-wasm';
import { counting } from '@graftjs/conformance';
import { type OpName } from '@graftjs/core/backend';
import { primitives, type OpDefinition } from '@graftjs/core/extend';
import type { Contender } from './contender.ts';
import { caseTask } from './graft.ts';
import { interleave, median, quartiles, type MeasureOptions } from './measure.ts';
import { PEAK_FLOPS, peakTask } from './peak.ts';
import { graftStep } from './steps.ts';
import type { Task } from './task.ts';
import { convFlops, outputOf, type BenchCase, type Work } from './work.ts';

/** What one contender reached at one case. */
export interface Score {
  readonly name: string;
  readonly ours: boolean;
  /** A peer of this one alone. */
  readonly of?: string;
  /** Median of the rounds. */
  readonly milliseconds: number;
  /** Half of the rounds are no further from each other than this, as a part of the median. */
  readonly spread: number;
  /** Milliseconds of each round, in which all contenders had their turn. */
  readonly times: readonly number[];
  /** Null for what only moves numbers. */
  readonly gflopsPerSecond: number | null;
  readonly rounds: number;
}

/** One case, all contenders, measured in turn. */
export interface Row {
  readonly group: string;
  readonly name: string;
  /** Additions and multiplications of one run. */
  readonly flops: number;
  /** Where operations say little: what a time is counted by. */
  readonly elements?: number;
  /** GFLOP/s of WebAssembly's SIMD in registers, in the same rounds. */
  readonly peak: number;
  readonly scores: readonly Score[];
  /** Why contenders are missing, or were measured less often. */
  readonly reasons: readonly string[];
}

export type RunOptions = MeasureOptions;

/** Prepares a case with all contenders, checks that they compute the same, and measures them in turn. */
export async function runCase(
  { group, name, work, elements }: BenchCase,
  contenders: readonly Contender[],
  options: RunOptions,
): Promise<Row> {
  const { repeat, clock } = options;
  const reasons: string[] = [];
  const ready: { contender: Contender; task: Task }[] = [];
  for (const contender of contenders) {
    if (clock === 'cpu' && contender.parallel) {
      reasons.push(
        `${contender.name}: only the clock on the wall measures work in several threads or processes.`,
      );
      continue;
    }
    const task = await contender.prepare(work);
    if (typeof task !== 'string') ready.push({ contender, task });
    else if (task) reasons.push(task);
  }
  // The order of some thousand sums differs, no more. Adam's first step has the sign of a gradient, however small it is.
  await assertSame(ready, `${group}: ${name}`, work.kind === 'step' ? 2e-3 : 1e-4);
  const flops = await flopsOf(work);
  const tasks = ready.map(({ task }) => task);
  const [peak, ...times] = await interleave([await peakTask(), ...tasks], options);
  for (const task of tasks) await task.dispose();
  const scores = ready.map(({ contender }, i): Score => {
    const milliseconds = median(times[i]!);
    const [low, high] = quartiles(times[i]!);
    const gflopsPerSecond = flops ? flops / milliseconds / 1e6 : null;
    const rounds = times[i]!.length;
    if (rounds < repeat)
      reasons.push(`${contender.name}: ${(milliseconds / 1000).toFixed(0)} s for '${name}', measured once.`);
    return {
      name: contender.name,
      ours: contender.ours,
      ...(contender.of && { of: contender.of }),
      milliseconds,
      spread: (high - low) / milliseconds,
      times: times[i]!,
      gflopsPerSecond,
      rounds,
    };
  });
  const speed = PEAK_FLOPS / median(peak!) / 1e6;
  return { group, name, flops, ...(elements && { elements }), peak: speed, scores, reasons };
}

/** Whoever gives other numbers computes something else. @throws Error */
async function assertSame(
  ready: readonly { contender: Contender; task: Task }[],
  what: string,
  tolerance: number,
): Promise<void> {
  let first: ArrayLike<number> | undefined;
  for (const { contender, task } of ready) {
    await task.enter?.();
    const result = await task.result?.();
    if (!result) continue;
    first ??= result;
    let [difference, scale] = [0, 0];
    for (let i = 0; i < first.length; i++) {
      difference = Math.max(difference, Math.abs(first[i]! - result[i]!));
      scale = Math.max(scale, Math.abs(first[i]!));
    }
    if (result.length !== first.length || !(difference <= tolerance * scale)) {
      throw new Error(
        `${contender.name} computes something else in ${what}: off by ${difference} of ${scale}`,
      );
    }
  }
}

async function flopsOf(work: Work): Promise<number> {
  switch (work.kind) {
    case 'conv':
      return convFlops(work.geometry);
    case 'primitive': {
      const op = primitives[work.op] as OpDefinition<OpName>;
      return op.flops(work.inputs, work.attrs, outputOf(work));
    }
    case 'case':
    case 'step': {
      const { backend, flops } = counting(await createWasmBackend({ threads: 1 }));
      const task =
        work.kind === 'case' ? caseTask(work, backend) : await graftStep(work.step, 'channels-last', backend);
      const before = flops();
      await task!.run();
      const count = flops() - before;
      await task!.dispose();
      await backend.dispose();
      return count;
    }
  }
}
