import { describe, expect, it } from 'vitest';
import { imageNetPreprocess, inputShape, parsePreprocess } from './preprocess.ts';

it('gives the shape of an input', () => {
  expect(inputShape(imageNetPreprocess({ size: 3 }))).toEqual([3, 3, 3]);
  expect(inputShape({ size: 5, layout: 'channels-last' })).toEqual([5, 5, 3]);
});

describe('parsePreprocess', () => {
  it('reads what was written, as text or value', () => {
    const wanted = imageNetPreprocess({ size: 96, fit: 'pad', layout: 'channels-last' });
    expect(parsePreprocess(JSON.stringify(wanted))).toEqual(wanted);
    expect(parsePreprocess({ ...wanted, extra: 1 })).toEqual(wanted);
  });

  it('names the field, its value and what it may be', () => {
    const cases: [unknown, string][] = [
      ['{', 'preprocessing: not valid JSON'],
      [null, 'must be an object with size, fit, mean, std and layout; got null'],
      [{ size: 0 }, "'size' must be a whole number of pixels, 1 to 4096; got 0"],
      [{ size: 1e9 }, "'size'"],
      [{ fit: 'stretch' }, '\'fit\' must be squash, crop, pad; got "stretch"'],
      [{ layout: undefined }, "'layout' must be channels-first, channels-last; got undefined"],
      [{ mean: [1, 2] }, "'mean' must be three numbers (red, green, blue); got [1,2]"],
      [{ mean: [1, 2, Infinity] }, "'mean'"],
      [{ std: [1, 0, 1] }, "'std' must be above 0; got [1, 0, 1]"],
      [{ std: [1, 1e-60, 1] }, "'std' must be above 0"],
    ];
    for (const [change, message] of cases) {
      const value =
        change !== null && typeof change === 'object' ? { ...imageNetPreprocess(), ...change } : change;
      expect(() => parsePreprocess(value)).toThrow(message);
    }
  });
});
