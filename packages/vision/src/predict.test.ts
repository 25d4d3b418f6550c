import { createCpuBackend } from '@graftjs/backend-cpu';
import {
  Flatten,
  GlobalAvgPool2d,
  Linear,
  memory,
  Sequential,
  setDefaultBackend,
  type Backend,
  type Preprocess,
} from '@graftjs/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { createPicture, type Picture } from './picture.ts';
import { predict } from './predict.ts';

let backend: Backend;
beforeAll(async () => setDefaultBackend((backend = await createCpuBackend())));

const preprocess: Preprocess = {
  ...{ size: 4, fit: 'squash', layout: 'channels-first' },
  ...{ mean: [0, 0, 0], std: [1, 1, 1] },
};
const classes = ['red', 'green', 'blue', 'grey'];
/** Logits are four times the mean of each colour, and 2 for grey. */
function colours(): Sequential {
  const last = new Linear(3, 4);
  const weight = [4, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0];
  last.loadStateDict(
    new Map([
      ['weight', { shape: [4, 3], data: Float32Array.from(weight) }],
      ['bias', { shape: [4], data: Float32Array.of(0, 0, 0, 2) }],
    ]),
  );
  return new Sequential([new GlobalAvgPool2d(), last]);
}
const plain = (...rgb: number[]): Picture =>
  createPicture(
    7,
    5,
    Uint8Array.from({ length: 105 }, (_, i) => rgb[i % 3]!),
  );

describe('predict', () => {
  it('gives the likeliest classes of each picture, the likeliest first', async () => {
    const model = { model: colours(), info: { classes, preprocess } };
    const answers = await predict(model, [plain(255, 0, 51), plain(0, 0, 0)], { top: 3 });
    const total = Math.exp(4) + 1 + Math.exp(0.8) + Math.exp(2);
    expect(answers[0]).toEqual([
      { class: 'red', index: 0, probability: expect.closeTo(Math.exp(4) / total, 6) as number },
      { class: 'grey', index: 3, probability: expect.closeTo(Math.exp(2) / total, 6) as number },
      { class: 'blue', index: 2, probability: expect.closeTo(Math.exp(0.8) / total, 6) as number },
    ]);
    // Of equal ones the first in the list of classes.
    expect(answers[1]!.map((a) => a.class)).toEqual(['grey', 'red', 'green']);
    expect(await predict(model, [])).toEqual([]);
  });

  it('gives five if nobody says how many, and numbers classes that have no names', async () => {
    const many = { model: new Sequential([new GlobalAvgPool2d(), new Linear(3, 9)]), info: { preprocess } };
    const [five] = await predict(many, [plain(9, 9, 9)]);
    expect(five).toHaveLength(5);
    expect(five!.every(({ class: name, index }) => name === String(index))).toBe(true);
    const [all] = await predict(many, [plain(9, 9, 9)], { top: Infinity });
    expect(all!.reduce((sum, a) => sum + a.probability, 0)).toBeCloseTo(1, 6);
  });

  it('leaves no tensors, and the model in the mode it had', async () => {
    const model = colours().train();
    const before = memory(backend).tensors;
    await predict({ model, info: { classes, preprocess } }, [plain(1, 2, 3), plain(4, 5, 6)]);
    expect([model.training, memory(backend).tensors]).toEqual([true, before]);
  });

  it('says what is no classifier', async () => {
    const model = colours();
    const pictures = [plain(1, 2, 3)];
    await expect(predict({ model, info: { classes } }, pictures)).rejects.toThrow(
      'predict: the model does not say how pictures become its input',
    );
    const three = { classes: classes.slice(1), preprocess };
    await expect(predict({ model, info: three }, pictures)).rejects.toThrow(
      'predict: the model gives [1, 4] for pictures, not a number for each of 3 classes',
    );
    const maps = { model: new Sequential([new Flatten(3)]), info: { preprocess } };
    await expect(predict(maps, pictures)).rejects.toThrow(
      /gives \[1, 3, 4, 4\] .* not a number for each class$/,
    );
  });
});
