import { describe, expect, it } from 'vitest';
import type { Io } from './io.ts';
import { Progress } from './progress.ts';

function setUp(
  tty: boolean,
  env: Io['env'] = {},
  columns = 90,
): { text: () => string; tick: (ms: number) => void; progress: Progress } {
  let [text, now] = ['', 0];
  const output = { write: (t: string): void => void (text += t), isTTY: tty, columns };
  const io: Io = { stdout: output, stderr: output, env, onInterrupt: () => () => undefined };
  return { text: () => text, tick: (ms) => (now += ms), progress: new Progress(io, () => now) };
}

describe('Progress', () => {
  it('redraws one line on a terminal, with speed and time left', () => {
    const { progress, tick, text } = setUp(true, { LANG: 'C.UTF-8', NO_COLOR: '1' });
    progress.update('features', { label: 'features', done: 32, total: 320 });
    tick(1000);
    progress.update('features', { label: 'features', done: 64, total: 320 });
    expect(text().split('\r\u001b[K').at(-1)).toBe(
      'features  █████░░░░░░░░░░░░░░░░░░░  64/320  32.0 pictures/s, 0:08 left',
    );
    expect(text()).not.toContain('\n');
    progress.clear();
    expect(text().endsWith('\r\u001b[K')).toBe(true);
  });

  it('never wraps', () => {
    for (const columns of [10, 30, 50]) {
      const { progress, text } = setUp(true, { NO_COLOR: '1' }, columns);
      progress.update('x', {
        label: 'a long label indeed',
        done: 1,
        total: 2,
        extra: 'loss 0.123, validation 45.6 %',
      });
      expect(text().replace('\r\u001b[K', '').length).toBeLessThan(columns);
    }
  });

  it('colours only where it may', () => {
    const draw = (env: Io['env'], tty = true): string => {
      const { progress, text } = setUp(tty, env);
      progress.update('x', { label: 'x', done: 2, total: 2 });
      return text();
    };
    expect(draw({})).toContain('\u001b[36m');
    expect(draw({ NO_COLOR: '1' })).not.toContain('\u001b[36m');
    expect(draw({ TERM: 'dumb' })).not.toContain('\u001b');
    expect(draw({}, false)).not.toContain('\u001b');
  });

  it('writes a plain line every ten seconds elsewhere', () => {
    const { progress, tick, text } = setUp(false);
    for (let i = 1; i <= 100; i++) {
      tick(250);
      progress.update('x', { label: 'features', done: i * 10, total: 1000 });
    }
    expect(text()).toBe(
      'features: 400 of 1,000, 40.0 pictures/s, 0:15 left\nfeatures: 800 of 1,000, 40.0 pictures/s, 0:05 left\n',
    );
  });

  it('knows the speed of a phase that others interrupt', () => {
    const { progress, tick, text } = setUp(true, { NO_COLOR: '1' });
    for (let epoch = 0; epoch < 4; epoch++) {
      for (let done = 0; done <= 100; done += 50) {
        progress.update('train', {
          label: 'epoch',
          done,
          total: 100,
          overall: { done: epoch * 100 + done, total: 400 },
        });
        if (done < 100) tick(500);
      }
      progress.update('validation', { label: 'validation', done: 0, total: 10 });
      tick(5000);
      progress.update('validation', { label: 'validation', done: 10, total: 10 });
    }
    expect(text()).toContain('100/100  100 pictures/s, 0:01 left');
  });
});
