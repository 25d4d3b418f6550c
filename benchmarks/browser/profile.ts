import { createWebglBackend } from '@graftjs/backend-webgl';
import type { Backend, Layout, TensorSpec } from '@graftjs/core';
import { graftStep, type StepName } from '../ops/steps.ts';
import { waiter } from './wait.ts';

/** All calls of one kernel with the same shapes in a step. */
export interface ProfileLine {
  readonly op: string;
  readonly shapes: string;
  readonly calls: number;
  readonly draws: number;
  /** Median of the steps. */
  readonly milliseconds: number;
}

const STEPS = 7;
const show = ({ shape }: TensorSpec): string => `[${shape.join(', ')}]`;

interface Sum {
  calls: number;
  draws: number;
  milliseconds: number;
}

/**
 * Where the time of a step on webgl goes: after every kernel the device is waited for, so that its time is its own. That
 * takes longer than a step in which they queue up; the first line, 'all', is such a step.
 */
export async function profileStep(name: StepName, layout: Layout): Promise<ProfileLine[]> {
  const backend = await createWebglBackend();
  const { context: gl } = backend;
  let draws = 0;
  const { drawArrays } = gl;
  gl.drawArrays = (...args) => {
    draws++;
    drawArrays.apply(gl, args);
  };
  const wait = waiter(gl);

  let sums = new Map<string, Sum>();
  let watching = false;
  const watched = <T>(op: string, specs: readonly TensorSpec[], run: () => T): T => {
    if (!watching) return run();
    const before = draws;
    const start = performance.now();
    const result = run();
    wait();
    const key = `${op}|${specs.map(show).join(' ')}`;
    const sum = sums.get(key) ?? { calls: 0, draws: 0, milliseconds: 0 };
    sum.calls++;
    sum.draws += draws - before;
    sum.milliseconds += performance.now() - start;
    sums.set(key, sum);
    return result;
  };
  const watcher: Backend = Object.assign(Object.create(backend) as Backend, {
    run: ((op, inputs, attrs, output) =>
      watched(op, [...inputs.map((i) => i.spec), output], () =>
        backend.run(op, inputs as never, attrs, output),
      )) satisfies Backend['run'],
    fused: Object.fromEntries(
      Object.entries(backend.fused ?? {}).map(([op, kernel]) => [
        op,
        (inputs: readonly ({ spec: TensorSpec } | null)[], attrs: never, outputs: readonly TensorSpec[]) =>
          watched(`fused ${op}`, [...inputs.flatMap((i) => (i ? [i.spec] : [])), ...outputs], () =>
            (kernel as (...args: unknown[]) => unknown)(inputs, attrs, outputs),
          ),
      ]),
    ),
  });

  const task = (await graftStep(name, layout, watcher))!;
  for (let i = 0; i < 3; i++) void task.run();
  wait();
  const all: number[] = [];
  let inStep = 0;
  for (let i = 0; i < STEPS; i++) {
    const before = draws;
    const start = performance.now();
    void task.run();
    wait();
    all.push(performance.now() - start);
    inStep = draws - before;
  }
  watching = true;
  const steps: Map<string, Sum>[] = [];
  for (let i = 0; i < STEPS; i++) {
    sums = new Map();
    void task.run();
    steps.push(sums);
  }
  await task.dispose();
  await backend.dispose();
  const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1]!;
  const lines = [...steps[0]!].map(([key, { calls, draws }]): ProfileLine => {
    const [op, shapes] = key.split('|') as [string, string];
    const milliseconds = median(steps.map((s) => s.get(key)?.milliseconds ?? 0));
    return { op, shapes, calls, draws, milliseconds };
  });
  const calls = lines.reduce((sum, l) => sum + l.calls, 0);
  lines.sort((a, b) => b.milliseconds - a.milliseconds);
  return [{ op: 'all', shapes: '', calls, draws: inStep, milliseconds: median(all) }, ...lines];
}
