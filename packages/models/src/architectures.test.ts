import { readFileSync } from 'node:fs';
import { createCpuBackend } from '@graftjs/backend-cpu';
import {
  setDefaultBackend,
  stagesOf,
  sum,
  transpose,
  valueAndGrad,
  zerosInit,
  type Module,
} from '@graftjs/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { fillHashed, hashedPicture } from '../test/hashed.ts';
import { architectures } from './architectures.ts';
import { buildModel } from './describe.ts';
import { smallCnn } from './small-cnn.ts';

const zeros = { init: zerosInit, biasInit: zerosInit };

beforeAll(async () => setDefaultBackend(await createCpuBackend()));

interface Fixture {
  readonly size: number;
  readonly state: [string, number[]][];
  readonly output: number[];
}
/** Written by test/make-fixtures.py with PyTorch in float64. */
const fixtures = JSON.parse(
  readFileSync(new URL('../test/fixtures/torchvision.json', import.meta.url), 'utf8'),
) as {
  models: Record<string, Fixture>;
};

describe.each(Object.entries(fixtures.models))('%s, beside torchvision', (key, { size, state, output }) => {
  const [name, width] = key.split(' width ') as ['mobilenet_v2' | 'resnet18' | 'resnet34', string?];
  const config = { classes: 10, ...(width !== undefined && { width: Number(width) }) };
  // Zeros at first: drawing 20 million random numbers takes longer than all the rest.
  const build = (layout: 'channels-first' | 'channels-last'): Module =>
    buildModel({ kind: name, options: { ...config, layout } });

  it('has the same parameters, of the same shapes', () => {
    const ours = [...build('channels-first').stateDict()].map(([n, t]) => [n, [...t.shape]] as const);
    const sorted = (list: (readonly [string, readonly number[]])[]): unknown =>
      [...list].sort((a, b) => (a[0] < b[0] ? -1 : 1));
    expect(sorted(ours)).toEqual(sorted(state));
  });
  // The larger ResNet is the smaller one with more blocks.
  if (name === 'resnet34') return;
  it('computes the same, in both layouts', () => {
    const names = state.map(([n]) => n);
    const first = build('channels-first').eval();
    fillHashed(first, names);
    for (const layout of ['channels-first', 'channels-last'] as const) {
      const model = build(layout).eval();
      model.loadStateDict(first.stateDict()); // weights do not know the layout
      const x = hashedPicture(1000, [1, 3, size, size]);
      const y = model.forward(layout === 'channels-first' ? x : transpose(x, [0, 2, 3, 1])).dataSync();
      const scale = Math.max(...output.map(Math.abs));
      output.forEach((v, i) =>
        expect(Math.abs(y[i]! - v) / scale, `${layout}, output ${i}`).toBeLessThan(1e-5),
      );
    }
  });
});

describe('as chains', () => {
  it('MobileNetV2 can be cut at any block', () => {
    const names = stagesOf(architectures.mobilenet_v2({}, zeros)).map((s) => s.name);
    expect(names).toEqual([
      ...Array.from({ length: 19 }, (_, i) => `features.${i}`),
      'pool',
      'classifier.0',
      'classifier.1',
    ]);
  });
  it('so can ResNet', () => {
    const names = stagesOf(architectures.resnet18({}, zeros)).map((s) => s.name);
    expect(names).toEqual([
      ...['conv1', 'bn1', 'relu', 'maxpool'],
      ...[1, 2, 3, 4].flatMap((l) => [`layer${l}.0`, `layer${l}.1`]),
      ...['avgpool', 'fc'],
    ]);
  });
});

describe('smallCnn', () => {
  it('trains: every parameter gets a gradient', () => {
    const model = smallCnn({ classes: 3, channels: [4, 8], depth: 2 });
    const x = hashedPicture(1, [2, 3, 16, 16]);
    const { value, grads } = valueAndGrad(
      () => sum(model.forward(x).mul(hashedPicture(2, [2, 3]))),
      model.parameters(),
    );
    expect(value.shape).toEqual([]);
    for (const g of grads)
      expect(g.dataSync().every(Number.isFinite) && g.dataSync().some((v) => v !== 0)).toBe(true);
  });
  it('refuses absurd depths', () => {
    expect(() => smallCnn({ classes: 2, depth: 1e12, channels: [0] })).toThrow(/not 1 to 100 convolutions/);
  });
});
