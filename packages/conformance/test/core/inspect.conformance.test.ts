import { inspect } from 'node:util';
import { createCpuBackend } from '@graftjs/backend-cpu';
import {
  BatchNorm2d,
  Conv2d,
  Linear,
  Module,
  Parameter,
  ReLU,
  Sequential,
  tensor,
  type Tensor,
} from '@graftjs/core';
import { expect, test } from 'vitest';

// What console.log shows.
const backend = await createCpuBackend();
const on = { backend };

test('a tensor shows its values by itself and takes one line inside other things', async () => {
  const square = tensor([[1, 2], [3, 4]], undefined, on); // prettier-ignore
  expect(inspect(square)).toBe('Tensor float32[2, 2] on cpu\n[[1, 2],\n [3, 4]]');
  expect(inspect({ square, bias: tensor([1, 2], undefined, on) }, { breakLength: 200 })).toBe(
    '{ square: Tensor float32[2, 2] on cpu, bias: Tensor float32[2] on cpu [1, 2] }',
  );
  square.dispose();
  expect(inspect(square)).toBe('Tensor float32[2, 2] (disposed)');
  const orphan = await createCpuBackend();
  const lost = tensor([1], undefined, { backend: orphan });
  await orphan.dispose();
  expect(inspect(lost)).toMatch(/^Tensor float32\[1\] on cpu/);
});

test('a backend that cannot read at once shows no values', () => {
  const { readSync: _, ...queued } = backend;
  const later = tensor([1], undefined, { backend: { ...queued, name: 'later', upload: () => null } });
  expect(inspect(later)).toBe('Tensor float32[1] on later');
  expect(inspect(Object.create(Parameter.prototype))).toBe('[Parameter]'); // nothing in it, and no error
});

test('a model is a tree of layers, with shapes and what is locked', () => {
  const model = new Sequential({
    stem: new Sequential([new Conv2d(3, 8, 3, on), new BatchNorm2d(8, on), new ReLU()]),
    head: new Linear(8, 2, on),
  });
  model.lock('stem');
  expect(inspect(model)).toBe(`Sequential, 258 parameters, 240 locked
  stem: Sequential, 240 parameters, locked
    0: Conv2d, weight [8, 3, 3, 3], bias [8], locked
    1: BatchNorm2d, weight [8], bias [8], locked
    2: ReLU
  head: Linear, weight [2, 8], bias [2]`);
  expect(inspect([model])).toBe('[ Sequential, 258 parameters, 240 locked ]');
  expect(inspect(model.module('head').parameters()[1])).toMatch(/^Parameter float32\[2\] on cpu\n\[/);
  expect(inspect(model.module('stem.1').parameters()[1])).toBe(
    'Parameter float32[8] on cpu (locked)\n[0, 0, 0, 0, 0, 0, 0, 0]',
  );
});

test('deep models fold, long ones are elided, circles end', () => {
  const layers = (n: number): Module[] => Array.from({ length: n }, () => new ReLU());
  const deep = new Sequential(Array.from({ length: 20 }, () => new Sequential(layers(5))));
  expect(inspect(deep).split('\n')).toHaveLength(21);
  const long = inspect(new Sequential(layers(1000))).split('\n');
  expect(long).toHaveLength(61);
  expect(long[30]).toBe('  … 941 more …');
  expect(long.at(-1)).toBe('  999: ReLU');
  class Loop extends Module {
    readonly self: Module = this;
    forward(x: Tensor): Tensor {
      return x;
    }
  }
  expect(inspect(new Loop())).toBe('[Loop]');
});
