import { createCpuBackend } from '@graftjs/backend-cpu';
import {
  adam,
  ArraySource,
  Conv2d,
  fit,
  Flatten,
  GlobalAvgPool2d,
  gradCam,
  Linear,
  manualSeed,
  memory,
  Random,
  ReLU,
  Sequential,
  setDefaultBackend,
  tensor,
  transfer,
  transpose,
  type Backend,
  type Layout,
} from '@graftjs/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadBase } from './node/index.ts';

let backend: Backend;
beforeAll(async () => {
  backend = await createCpuBackend();
  setDefaultBackend(backend);
});

const C = 3;
const SIZE = 6;

/** Features by a convolution, their mean over all places, a linear layer. */
function network(layout: Layout = 'channels-first'): Sequential {
  manualSeed(3);
  return new Sequential({
    conv: new Conv2d(2, C, 3, { padding: 1, layout }),
    relu: new ReLU(),
    pool: new GlobalAvgPool2d({ layout }),
    classifier: new Linear(C, 4),
  });
}
const picture = (n: number): Float32Array => new Random(n, 'grad-cam').normalArray(n * 2 * SIZE * SIZE);

describe('gradCam', () => {
  // Behind a mean over all places and a linear layer, ∂y/∂Aᵏ is w / places everywhere, so the map is that of CAM
  // (Zhou et al., 2016), as the paper shows: relu(Σ w Aᵏ) / places.
  it.each([0, 3])('is the class activation map of class %i, in float64', (classIndex) => {
    const model = network();
    const x = tensor(picture(2), [2, 2, SIZE, SIZE]);
    const features = model.module('relu').forward(model.module('conv').forward(x)).dataSync();
    const w = model.stateDict().get('classifier.weight')!.dataSync();
    const map = gradCam(model, x, classIndex);
    expect(map.shape).toEqual([2, SIZE, SIZE]);
    const places = SIZE * SIZE;
    map.dataSync().forEach((got, i) => {
      const [n, place] = [Math.floor(i / places), i % places];
      const terms = Array.from(
        { length: C },
        (_, k) => (w[classIndex * C + k]! / places) * features[(n * C + k) * places + place]!,
      );
      const want = Math.max(
        0,
        terms.reduce((a, b) => a + b, 0),
      );
      // Per term: the division by places, the mean of equal gradients (places − 1 additions, a division), the product,
      // C − 1 additions; each rounds by at most 2⁻²⁴ of the sum of magnitudes.
      const bound = (places + 3 + C) * 2 ** -24 * terms.reduce((a, b) => a + Math.abs(b), 0);
      expect(Math.abs(got - want)).toBeLessThanOrEqual(bound);
    });
  });

  it('takes a class for each sample', () => {
    const model = network();
    const x = tensor(picture(2), [2, 2, SIZE, SIZE]);
    const both = gradCam(model, x, [1, 2]).dataSync();
    const half = both.length / 2;
    expect(both.slice(0, half)).toEqual(gradCam(model, x, 1).dataSync().slice(0, half));
    expect(both.slice(half)).toEqual(gradCam(model, x, 2).dataSync().slice(half));
    expect(both.some((v) => v > 0)).toBe(true);
  });

  it('gives the same map where the channels are last', () => {
    const x = tensor(picture(1), [1, 2, SIZE, SIZE]);
    const [first, last] = [network(), network('channels-last')];
    last.loadStateDict(first.stateDict());
    const map = gradCam(last, transpose(x, [0, 2, 3, 1]), 0, { layout: 'channels-last' });
    expect(map.dataSync()).toEqual(gradCam(first, x, 0).dataSync());
  });

  it('shows what a network has learnt to look at', async () => {
    // A bright spot in one of four quarters; which class it is depends on its channel only.
    const place = new Random(5, 'spots');
    const quarters: number[] = [];
    const values = new Float32Array(40 * 2 * SIZE * SIZE);
    const labels = Array.from({ length: 40 }, (_, i) => i % 2);
    labels.forEach((label, i) => {
      const quarter = Math.floor(place.uniform() * 4);
      quarters.push(quarter);
      const [row, column] = [quarter < 2 ? 0 : 4, quarter % 2 ? 4 : 0];
      for (const [dy, dx] of [
        [0, 0],
        [0, 1],
        [1, 0],
        [1, 1],
      ] as const)
        values[(i * 2 + label) * SIZE * SIZE + (row + dy) * SIZE + column + dx] = 3;
    });
    manualSeed(1);
    const model = new Sequential({
      conv: new Conv2d(2, 4, 3, { padding: 1, bias: false }), // so the background is 0, and speaks for nothing
      relu: new ReLU(),
      pool: new GlobalAvgPool2d(),
      classifier: new Linear(4, 2),
    });
    const train = new ArraySource(values, labels, [2, SIZE, SIZE], ['red', 'blue']);
    const { epochs } = await fit(model, { train }, { epochs: 30, optimizer: adam({ lr: 0.05 }) });
    expect(epochs.at(-1)!.accuracy).toBe(1);
    const maps = gradCam(model, tensor(values, [40, 2, SIZE, SIZE]), labels).dataSync();
    quarters.forEach((quarter, i) => {
      const map = maps.slice(i * SIZE * SIZE, (i + 1) * SIZE * SIZE);
      const hottest = map.indexOf(Math.max(...map));
      const [row, column] = [Math.floor(hottest / SIZE), hottest % SIZE];
      expect(map[hottest], `map ${i}`).toBeGreaterThan(0);
      expect([i, (row < 3 ? 0 : 2) + (column < 3 ? 0 : 1)]).toEqual([i, quarter]);
    });
  });

  it('looks at the embedded base behind its cut, and leaves model and memory as they were', async () => {
    const base = await loadBase('coco-mobilenet-v3');
    const model = transfer(base, { classes: ['a', 'b'] }).train();
    const x = tensor(new Random(1, 'x').normalArray(32 * 32 * 3), [1, 32, 32, 3]);
    const before = memory(backend).tensors;
    const map = gradCam(model, x, 0);
    expect(map.shape).toEqual([1, 2, 2]);
    expect(gradCam(model, x, 0, { layer: 'block2' }).shape).toEqual([1, 8, 8]);
    expect(memory(backend).tensors).toBe(before + 2);
    expect([model.training, model.trainable().length]).toEqual([true, 2]);
  });

  it('says what it cannot explain', () => {
    const model = network();
    const x = tensor(picture(1), [1, 2, SIZE, SIZE]);
    expect(() => gradCam(model, x, 4)).toThrow('gradCam: there is no class 4; there are 4, from 0');
    expect(() => gradCam(model, x, [])).toThrow('there is no class -1');
    expect(() => gradCam(model, x, 0, { layer: 'pool' })).toThrow(
      "gradCam: 'pool' gives [1, 3], without rows and columns: name an earlier layer",
    );
    expect(() => gradCam(model, x, 0, { layer: 'cnov' })).toThrow("the nearest are 'conv'");
    const flat = new Sequential([new Flatten(), new Linear(72, 2)]);
    expect(() => gradCam(flat, x, 0)).toThrow('no stage of this model gives rows and columns');
    const headless = new Sequential([new Conv2d(2, 3, 3)]);
    expect(() => gradCam(headless, x, 0)).toThrow('where logits [n, classes] are needed');
  });
});
