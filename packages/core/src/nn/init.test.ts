import { describe, expect, test } from 'vitest';
import { Random } from '../rng/index.ts';
import { fans } from './fans.ts';
import {
  kaimingNormal,
  kaimingUniform,
  truncNormal,
  uniformInit,
  xavierNormal,
  xavierUniform,
  type Initializer,
} from './init.ts';
import { defaultBiasInit, defaultWeightInit } from './init-parameter.ts';

const shape = [64, 32, 3, 3];
const draw = (init: Initializer, of: readonly number[] = shape): Float32Array =>
  init(of, new Random(1, 'init'));
function moments(values: Float32Array): { mean: number; std: number; largest: number } {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
  return { mean, std: Math.sqrt(variance), largest: Math.max(...values.map(Math.abs)) };
}

describe('initializers', () => {
  test('fans are inputs and outputs times the window', () => {
    expect(fans(shape)).toEqual({ fanIn: 288, fanOut: 576 });
    expect(fans([10, 4])).toEqual({ fanIn: 4, fanOut: 10 });
    expect(() => fans([3])).toThrow(/at least two axes/);
  });

  test.each<[string, Initializer, number]>([
    ['kaiming normal', kaimingNormal({ nonlinearity: 'relu' }), Math.sqrt(2 / 288)],
    ['kaiming normal, fan out', kaimingNormal({ mode: 'fanOut', nonlinearity: 'relu' }), Math.sqrt(2 / 576)],
    ['kaiming uniform', kaimingUniform({ nonlinearity: 'relu' }), Math.sqrt(2 / 288)],
    ['xavier normal', xavierNormal(), Math.sqrt(2 / 864)],
    ['xavier uniform', xavierUniform(), Math.sqrt(2 / 864)],
    ['the default, 1 / √(3 fan in)', defaultWeightInit, 1 / Math.sqrt(3 * 288)],
  ])('%s has the standard deviation it promises', (_, init, std) => {
    const { mean, std: found } = moments(draw(init));
    // 18,432 values: the deviation of a sample's mean is std / 136, that of its standard deviation at most std / 192.
    expect(Math.abs(mean)).toBeLessThan((4 * std) / 136);
    expect(Math.abs(found - std)).toBeLessThan((4 * std) / 192);
  });

  test('uniform ones keep to their bounds', () => {
    expect(moments(draw(defaultWeightInit)).largest).toBeLessThanOrEqual(Math.fround(1 / Math.sqrt(288)));
    expect(moments(draw(defaultBiasInit(shape), [5000])).largest).toBeLessThanOrEqual(
      Math.fround(1 / Math.sqrt(288)),
    );
    expect(Math.min(...draw(uniformInit(2, 3)))).toBeGreaterThanOrEqual(2);
  });

  test('truncated normal is drawn again outside its bounds', () => {
    const values = draw(truncNormal({ std: 1, low: -1, high: 0.5 }));
    expect(Math.min(...values)).toBeGreaterThanOrEqual(-1);
    expect(Math.max(...values)).toBeLessThanOrEqual(0.5);
    expect(() => truncNormal({ mean: 9, std: 1 })).toThrow(/next to nothing/);
  });

  test('the same stream gives the same values', () => {
    for (const init of [defaultWeightInit, truncNormal(), kaimingNormal()])
      expect(draw(init)).toEqual(draw(init));
  });
});
