import { createCpuBackend } from '@graftjs/backend-cpu';
import {
  adagrad,
  adam,
  adamW,
  clipGradNorm,
  clipGradValue,
  memory,
  Parameter,
  Random,
  randomNormal,
  rmsprop,
  setDefaultBackend,
  sgd,
  Tensor,
  tensor,
  type Optimizer,
} from '@graftjs/core';
import { describe, expect, test } from 'vitest';

const backend = await createCpuBackend();
setDefaultBackend(backend);
const values = (t: Tensor): number[] => [...t.dataSync()];

const makers: [string, () => Optimizer][] = [
  ['sgd', () => sgd({ lr: 0.1 })],
  ['sgd, momentum', () => sgd({ lr: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0.01 })],
  ['adam', () => adam({ lr: 0.1, amsgrad: true, weightDecay: 0.01 })],
  ['adamW', () => adamW({ lr: 0.1 })],
  ['rmsprop', () => rmsprop({ lr: 0.1, centered: true, momentum: 0.5 })],
  ['adagrad', () => adagrad({ lr: 0.1, lrDecay: 0.1 })],
];

interface Model {
  readonly parameters: Record<string, Parameter>;
  step(optimizer: Optimizer, number: number, factor?: number): void;
  bits(): number[][];
}
function model(): Model {
  const make = (name: string, group: string): Parameter => {
    const p = new Parameter(randomNormal([2, 3], new Random(1, name)));
    p.group = group;
    return p;
  };
  const parameters = { 'base.conv.weight': make('a', 'base'), 'head.weight': make('b', 'head') };
  return {
    parameters,
    step(optimizer, number, factor) {
      const entries = Object.entries(parameters).map(([name, parameter]) => ({
        name,
        parameter,
        grad: randomNormal([2, 3], new Random(number, name)),
      }));
      optimizer.step(entries, factor);
      for (const e of entries) e.grad.dispose();
    },
    bits: () => Object.values(parameters).map((p) => values(p.value)),
  };
}

describe.each(makers)('%s', (_, make) => {
  test('leaves locked parameters alone, and counts their steps apart', () => {
    const m = model();
    const other = model();
    const base = m.parameters['base.conv.weight']!;
    const [a, b] = [make(), make()];
    base.locked = true;
    const before = m.bits()[0];
    m.step(a, 1);
    expect(m.bits()[0]).toEqual(before);
    expect([...a.state().keys()].some((k) => k.startsWith('base'))).toBe(false);
    base.locked = false;
    m.step(a, 2);
    other.step(b, 2);
    expect(m.bits()[0]).toEqual(other.bits()[0]); // as in its own first step
  });

  test('leaks nothing, and frees its state', () => {
    const start = memory(backend);
    const m = model();
    const optimizer = make();
    m.step(optimizer, 1);
    m.step(optimizer, 2);
    const before = memory(backend);
    m.step(optimizer, 3);
    expect(memory(backend)).toEqual(before);
    optimizer.state();
    optimizer.state();
    optimizer.dispose();
    for (const p of Object.values(m.parameters)) p.dispose();
    expect(memory(backend)).toEqual(start);
  });

  test('goes on from a saved state with the same bits', async () => {
    const [whole, halves] = [model(), model()];
    const [a, b, c] = [make(), make(), make()];
    const base = (m: Model, step: number): void => void (m.parameters['base.conv.weight']!.locked = step < 3);
    for (let i = 1; i <= 8; i++) {
      base(whole, i);
      whole.step(a, i);
    }
    for (let i = 1; i <= 5; i++) {
      base(halves, i);
      halves.step(b, i);
    }
    const saved = [...b.state()].map(([name, t]) => ({
      name,
      data: t.dataSync().slice(),
      dtype: t.dtype,
      shape: t.shape,
    }));
    const loaded = new Map(saved.map((s) => [s.name, tensor(s.data, s.shape, { dtype: s.dtype })]));
    const before = memory(backend).tensors;
    await c.loadState(loaded, b.stepCount);
    for (const t of loaded.values()) t.dispose();
    b.dispose();
    for (let i = 6; i <= 8; i++) halves.step(c, i);
    expect(halves.bits()).toEqual(whole.bits());
    expect(c.stepCount).toBe(8);
    expect(memory(backend).tensors).toBeLessThanOrEqual(before);
  });

  test('factors on the learning rate multiply: of the step, of the group, of the schedule', () => {
    const [m, other] = [model(), model()];
    const [a, b] = [make(), make()];
    a.lrPerGroup = { base: 0.5 };
    a.lr = 0.4;
    b.lr = 0.05;
    m.step(a, 1, 0.25);
    other.step(b, 1);
    expect(m.bits()[0]).toEqual(other.bits()[0]);
    b.lr = 0.1;
    const third = model();
    third.step(make(), 1);
    expect(m.bits()[1]).toEqual(third.bits()[1]);
  });

  test('tells its settings', () => {
    const told = make().describe();
    expect(told).toMatchObject({ lr: 0.1 });
    expect(JSON.parse(JSON.stringify(told))).toEqual(told);
  });
});

describe('settings by group', () => {
  test.each(['constructor', '__proto__', 'toString'])('a group may be called %s', (group) => {
    const [named, other] = [model(), model()];
    for (const p of Object.values(named.parameters)) p.group = group;
    named.step(sgd({ lr: 0.1, lrPerGroup: { head: 2 } }), 1);
    other.step(sgd({ lr: 0.1 }), 1);
    expect(named.bits()).toEqual(other.bits());
  });

  test('override the others', () => {
    const [m, other] = [model(), model()];
    m.step(adamW({ lr: 0.1, groups: { base: { weightDecay: 0 }, head: { lr: 0.3 } } }), 1);
    other.step(adamW({ lr: 0.1, weightDecay: 0 }), 1);
    expect(m.bits()[0]).toEqual(other.bits()[0]);
    const third = model();
    third.step(adamW({ lr: 0.3 }), 1);
    expect(m.bits()[1]).toEqual(third.bits()[1]);
  });

  test('bad ones are refused', () => {
    expect(() => sgd({ lr: -1 })).toThrow('sgd: lr must be 0 or more, not -1');
    const p = new Parameter(tensor([1, 2]));
    expect(() => adam().step([{ name: 'w', parameter: p, grad: tensor([1]) }])).toThrow(
      /'w' is \[2\], its gradient \[1\]/,
    );
  });

  test('after the first step of momentum the gradient may be disposed', () => {
    const p = new Parameter(tensor([1]));
    const optimizer = sgd({ lr: 1, momentum: 0.5 });
    const [g1, g2] = [tensor([1]), tensor([0])];
    optimizer.step([{ name: 'p', parameter: p, grad: g1 }]);
    g1.dispose();
    optimizer.step([{ name: 'p', parameter: p, grad: g2 }]);
    expect(values(p.value)).toEqual([-0.5]);
  });
});

describe('clipping', () => {
  test('by the norm of all gradients together, only where it is too large', () => {
    const grads = [tensor([3, 0]), tensor([[4]])];
    const { grads: clipped, norm } = clipGradNorm(grads, 1);
    expect(values(norm)).toEqual([5]);
    expect(values(clipped[0]!)[0]).toBeCloseTo(0.6, 6);
    expect(values(clipped[1]!)[0]).toBeCloseTo(0.8, 6);
    expect(clipGradNorm(grads, 10).grads.map(values)).toEqual([[3, 0], [4]]);
    expect(clipGradNorm([tensor([0])], 1).grads.map(values)).toEqual([[0]]);
  });

  test('by value', () => {
    expect(clipGradValue([tensor([-3, 0.5, 2])], 1).map(values)).toEqual([[-1, 0.5, 1]]);
  });
});
