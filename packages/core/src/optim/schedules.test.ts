import { describe, expect, test } from 'vitest';
import {
  cosineLR,
  exponentialLR,
  multiStepLR,
  oneCycleLR,
  reduceOnPlateau,
  ReduceOnPlateau,
  stepLR,
  warmup,
} from './schedules.ts';

const trace = (schedule: (step: number) => number, n: number): number[] =>
  Array.from({ length: n }, (_, i) => schedule(i));

describe('schedules', () => {
  test('drop by steps, milestones and exponentially', () => {
    expect(trace(stepLR({ stepSize: 2, gamma: 0.5 }), 5)).toEqual([1, 1, 0.5, 0.5, 0.25]);
    expect(trace(multiStepLR({ lr: 8, milestones: [1, 3], gamma: 0.5 }), 5)).toEqual([8, 4, 4, 2, 2]);
    expect(trace(exponentialLR({ gamma: 0.5 }), 4)).toEqual([1, 0.5, 0.25, 0.125]);
  });

  test('the cosine is that of mathematics, to the last digits, and ends at the minimum', () => {
    const schedule = cosineLR({ lr: 3, steps: 1000, minLr: 1 });
    for (let i = 0; i <= 1000; i++) expect(schedule(i)).toBeCloseTo(2 + Math.cos((Math.PI * i) / 1000), 14);
    expect(schedule(1000)).toBe(1);
    expect(schedule(5000)).toBe(1);
    expect(schedule(500)).toBeCloseTo(2, 15);
  });

  test('take the total from the caller where it was not given', () => {
    expect(cosineLR()(4, 8)).toBeCloseTo(0.5, 15);
    expect(oneCycleLR()(2, 10)).toBe(1);
    expect(() => cosineLR()(4)).toThrow("cosineLR: say how many steps there are with 'steps'");
  });

  test('one cycle begins at maxLr / 25, peaks, and ends at a ten-thousandth of its beginning', () => {
    const lrs = trace(oneCycleLR({ maxLr: 2, totalSteps: 20 }), 20);
    expect(lrs[0]).toBeCloseTo(0.08, 15);
    expect(lrs[5]).toBe(2);
    expect(lrs[19]).toBeCloseTo(8e-6, 15);
    expect(Math.max(...lrs)).toBe(2);
  });

  test('warm-up rises to the other schedule and then is it', () => {
    const rising = warmup(exponentialLR({ gamma: 0.5 }), 4, { startFactor: 0 });
    expect(trace(rising, 6)).toEqual([0, 0.125, 0.125, 0.09375, 0.0625, 0.03125]);
    // PyTorch's LinearLR has start factor 1/3 and five steps by default.
    const linear = trace(
      warmup(() => 0.3, 5),
      7,
    );
    [0.1, 0.14, 0.18, 0.22, 0.26, 0.3, 0.3].forEach((lr, i) => expect(linear[i]).toBeCloseTo(lr, 14));
  });
});

describe('reduceOnPlateau', () => {
  const metrics = [10, 9, 9, 9, 9, 9, 9, 9, 8, 8, 8, 8, 8, 8];

  test('lowers the rate after more than `patience` epochs without improvement, then rests', () => {
    const plateau = reduceOnPlateau({ lr: 1, factor: 0.5, patience: 2, cooldown: 1, minLr: 0.2 });
    expect(metrics.map((m) => plateau.step(m))).toEqual([
      1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25,
    ]);
  });

  test('wants an improvement by more than the threshold, relative or absolute, up or down', () => {
    const run = (options: ConstructorParameters<typeof ReduceOnPlateau>[0], values: number[]): number => {
      const plateau = reduceOnPlateau({ patience: 0, ...options });
      for (const v of values) plateau.step(v);
      return plateau.lr;
    };
    expect(run({ threshold: 0.1 }, [10, 9.5])).toBeCloseTo(0.1, 15);
    expect(run({ threshold: 0.1 }, [10, 8.9])).toBe(1);
    expect(run({ threshold: 0.1, thresholdMode: 'abs' }, [10, 9.8])).toBe(1);
    expect(run({ threshold: 0.1, mode: 'max' }, [10, 10.9])).toBeCloseTo(0.1, 15);
    expect(run({ threshold: 0.1, mode: 'max', thresholdMode: 'abs' }, [10, 10.2])).toBe(1);
  });

  test('goes on from a saved state as if nothing had happened', () => {
    const options = { factor: 0.5, patience: 2, cooldown: 1 };
    const whole = reduceOnPlateau(options);
    const expected = metrics.map((m) => whole.step(m));
    const first = reduceOnPlateau(options);
    const before = metrics.slice(0, 6).map((m) => first.step(m));
    const second = reduceOnPlateau(options);
    second.loadState(JSON.parse(JSON.stringify(first.state())) as ReturnType<ReduceOnPlateau['state']>);
    expect([...before, ...metrics.slice(6).map((m) => second.step(m))]).toEqual(expected);
  });
});
