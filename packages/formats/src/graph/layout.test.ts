import { createCpuBackend } from '@graftjs/backend-cpu';
import {
  BatchNorm2d,
  Conv2d,
  GlobalAvgPool2d,
  Linear,
  ReLU,
  Residual,
  scope,
  Sequential,
  setDefaultBackend,
  stagesOf,
  transfer,
  zeros,
  type Layout,
} from '@graftjs/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { exportOnnx, importOnnx } from '../index.ts';

beforeAll(async () => setDefaultBackend(await createCpuBackend()));

const network = (layout: Layout): Sequential =>
  new Sequential({
    conv1: new Conv2d(3, 10, 3, { layout }),
    relu1: new ReLU(),
    conv2: new Residual(new Conv2d(10, 10, 3, { layout, padding: 1, bias: false })),
    conv3: new Conv2d(10, 11, 1, { layout }),
    bn3: new BatchNorm2d(11, { layout }),
    pool: new GlobalAvgPool2d({ layout }),
    fc: new Linear(11, 4),
  });

describe.each(['channels-first', 'channels-last'] as const)(
  'a network with %s, exported and imported',
  (layout) => {
    const sampleShape = layout === 'channels-first' ? [3, 8, 8] : [8, 8, 3];

    it('knows where the channels are behind every stage, and a head goes there', async () => {
      const bytes = await exportOnnx(network(layout).eval(), { input: sampleShape });
      const { model } = await importOnnx(bytes);
      const stages = stagesOf(model).filter((s) => !s.module.isHead);
      expect(stages.length).toBeGreaterThanOrEqual(3);
      for (const [i, { name, module }] of stages.entries()) {
        const shape = scope(() =>
          stages.slice(0, i + 1).reduce((x, s) => s.module.forward(x), zeros([1, ...sampleShape])),
        ).shape;
        // 6 × 6 positions, 10 or 11 channels.
        const actual = shape[1] === 6 ? 'channels-last' : 'channels-first';
        expect([name, module.outputLayout]).toEqual([name, actual]);
        const head = transfer(model, { classes: 2, cut: name, sampleShape }).module(
          'head.classifier',
        ) as Linear;
        expect(head.inFeatures).toBe(2 * (actual === 'channels-last' ? shape.at(-1)! : shape[1]!));
      }
    });
  },
);
