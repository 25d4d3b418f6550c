import { scope, type Backend, type Tensor } from '@graftjs/core';
import { dataOf, upload, type Case } from './cases/case.ts';
import { counting } from './intercept.ts';

/** Mode `perf`: how fast a backend is at a case. */
export interface Measurement {
  readonly case: Case;
  /** Median of the runs. */
  readonly milliseconds: number;
  /** Additions and multiplications, by the ops' `flops`; 0 for those that only move data. */
  readonly flops: number;
  readonly gflopsPerSecond: number;
  readonly runs: number;
}

export interface MeasureOptions {
  /** Run at least this long, after a run to warm up. Default 0.3. */
  readonly seconds?: number;
}

/** Times a case on a backend, from its inputs on the backend to all work done. */
export async function measure(
  c: Case,
  backend: Backend,
  { seconds = 0.3 }: MeasureOptions = {},
): Promise<Measurement> {
  const counted = counting(backend);
  const run = (inputs: readonly Tensor[]): void =>
    scope(() => {
      c.run(...inputs);
    });
  const once = upload(c, dataOf(c, 'real'), counted.backend);
  run(once);
  const flops = counted.flops();
  const inputs = upload(c, dataOf(c, 'real'), backend);
  run(inputs);
  await backend.flush();
  const times: number[] = [];
  const end = performance.now() + 1000 * seconds;
  do {
    const start = performance.now();
    run(inputs);
    await backend.flush();
    times.push(performance.now() - start);
  } while (performance.now() < end || times.length < 3);
  for (const t of [...once, ...inputs]) t.dispose();
  const milliseconds = times.sort((a, b) => a - b)[times.length >> 1];
  return {
    case: c,
    milliseconds,
    flops,
    gflopsPerSecond: flops / milliseconds / 1e6,
    runs: times.length,
  };
}
