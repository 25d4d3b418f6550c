import { createCpuBackend } from '@graftjs/backend-cpu';
import {
  adam,
  adamW,
  add,
  BatchNorm2d,
  compile,
  Conv2d,
  Dropout,
  evaluate,
  fit,
  freeLost,
  GlobalAvgPool2d,
  grad,
  Linear,
  manualSeed,
  memory,
  mul,
  Parameter,
  prelu,
  Random,
  ReLU,
  relu,
  relu6,
  reshape,
  Sequential,
  setDefaultBackend,
  sgd,
  softmax,
  sum,
  tensor,
  transfer,
  transpose,
  UnsupportedError,
  valueAndGrad,
  withRandom,
  zeros,
  type Backend,
  type FitOptions,
  type Tensor,
} from '@graftjs/core';
import { interpret, open, trace } from '@graftjs/core/extend';
import { isComposite, outputsOf, type Graph, type GraphNode } from '@graftjs/core/backend';
import { beforeEach, describe, expect, test } from 'vitest';
import { bits, stripes } from './helpers.ts';

const cpu = await createCpuBackend();
let graphs: Graph[] = [];
/** Takes graphs whole, and keeps them for a look. */
const whole: Backend = Object.assign(Object.create(cpu) as Backend, {
  compile: (graph: Graph, captures: readonly unknown[]) => {
    graphs.push(graph);
    return interpret(graph, whole, captures);
  },
});
setDefaultBackend(whole);
beforeEach(() => {
  graphs = [];
});

const ops = (graph = graphs[0]!): string[] => graph.nodes.map((n) => (isComposite(n) ? n.composite : n.op));

describe('compile', () => {
  test('records once for each set of shapes, and keeps a limited number of graphs', () => {
    let calls = 0;
    const f = compile(
      (x: Tensor) => {
        calls++;
        return mul(x, 2);
      },
      { limit: 2 },
    );
    for (const n of [1, 2, 1, 2]) expect(f(zeros([n])).shape).toEqual([n]);
    expect([calls, f.size]).toEqual([2, 2]);
    f(zeros([3]));
    f(zeros([1]));
    expect([calls, f.size]).toEqual([4, 2]);
    f.dispose();
    expect(f.size).toBe(0);
  });

  test('folds constants, shares common subexpressions, and leaves out what nobody needs', () => {
    const f = compile((x: Tensor) => {
      const k = add(mul(tensor([2, 3]), 4), 1); // constant: [9, 13]
      mul(x, 5); // dead
      return [mul(add(x, k), 1), add(x, k), reshape(reshape(x, [2, 1]), [1, 2])];
    });
    const [a, b, c] = f(tensor([1, 2]));
    expect([...a!.dataSync(), ...b!.dataSync(), ...c!.dataSync()]).toEqual([10, 15, 10, 15, 1, 2]);
    expect(ops()).toEqual(['binary', 'reshape']);
    expect([...graphs[0]!.constants.values()].map((v) => [...v])).toEqual([[9, 13]]);
  });

  test('gives back inputs, constants and one value twice as tensors of their own', () => {
    const f = compile((x: Tensor) => ({ x, again: [x, transpose(x)], k: tensor([7]), sum: sum(x) }));
    const x = tensor([1, 2]);
    for (let i = 0; i < 2; i++) {
      const y = f(x);
      expect([...y.x.dataSync(), ...y.again[1]!.dataSync(), ...y.k.dataSync(), ...y.sum.dataSync()]).toEqual([
        1, 2, 1, 2, 7, 3,
      ]);
      for (const t of [y.x, ...y.again, y.k, y.sum]) t.dispose();
    }
    expect([...x.dataSync()]).toEqual([1, 2]);
  });

  test('reads parameters at every call, and builds locked ones in until they change', () => {
    const w = new Parameter(tensor([1, 2]));
    const f = compile((x: Tensor) => mul(x, w.value));
    const at = (): number[] => [...f(tensor([3, 3])).dataSync()];
    expect(at()).toEqual([3, 6]);
    w.set(tensor([5, 6]));
    expect(at()).toEqual([15, 18]);
    expect(graphs.map((g) => [g.inputs.length, g.captures.length])).toEqual([[2, 0]]);
    w.locked = true;
    f.dispose();
    expect(at()).toEqual([15, 18]);
    expect([graphs[1]!.inputs.length, graphs[1]!.captures.length]).toEqual([1, 1]);
    w.set(tensor([1, 1]));
    expect(at()).toEqual([3, 3]);
    expect(graphs.length).toBe(3);
    f.dispose();
  });

  test('draws dropout masks anew, those that the same stream gives without compile', () => {
    const model = new Dropout(0.5);
    const f = compile((x: Tensor) => [
      model.forward(x),
      withRandom(new Random(2, 'own'), () => model.forward(x)),
    ]);
    const x = tensor(new Float32Array(64).fill(1));
    const draw = (run: (x: Tensor) => Tensor[]): number[][] =>
      [1, 2, 3].map((seed) => [...withRandom(new Random(seed), () => run(x))[0]!.dataSync()]);
    const compiled = draw(f);
    expect(compiled).toEqual(draw((t) => [model.forward(t)]));
    expect(compiled[0]).not.toEqual(compiled[1]);
    expect(graphs.length).toBe(1);
  });

  test('refuses a function that looks at values, or waits', () => {
    expect(() => compile((x: Tensor) => mul(x, x.dataSync()[0]!))(zeros([2]))).toThrow(UnsupportedError);
    expect(() => compile((x: Tensor) => mul(x, x.dataSync()[0]!))(zeros([2]))).toThrow(
      /values of this tensor are not known while compile\(\) records/,
    );
    expect(() => compile(async (x: Tensor) => x)(zeros([2]))).toThrow(/synchronous/);
    expect(() => compile(() => 3)()).toThrow(/uses no tensor/);
  });

  test('under a tape runs op by op, so that gradients are right', () => {
    const w = new Parameter(tensor([2]));
    const f = compile((x: Tensor) => sum(mul(x, w.value)));
    f(tensor([3]));
    const { grads } = valueAndGrad(() => f(tensor([3])), [w]);
    expect([...grads[0]!.dataSync()]).toEqual([3]);
  });

  test('is freed whole, and a run leaves nothing behind', () => {
    const model = new Sequential([new Conv2d(2, 4, 3, { padding: 1 }), new BatchNorm2d(4), new ReLU()]);
    const x = zeros([2, 2, 4, 4]);
    const before = memory(whole).tensors;
    const f = compile((t: Tensor) => relu(model.forward(t)));
    for (let i = 0; i < 3; i++) f(x).dispose();
    f.dispose();
    expect(memory(whole).tensors).toBe(before);
  });
});

describe('interpret', () => {
  test('gives a buffer back where it is read for the last time', () => {
    const freed: unknown[] = [];
    let most = 0;
    let alive = 0;
    const counted = Object.assign(Object.create(cpu) as Backend, {
      run: (...args: Parameters<Backend['run']>) => {
        alive++;
        most = Math.max(most, alive);
        return cpu.run(...(args as Parameters<typeof cpu.run>));
      },
      release: (b: unknown) => {
        alive--;
        freed.push(b);
        cpu.release(b as never);
      },
    });
    const x = tensor(new Float32Array(8), [8], { backend: counted });
    const f = compile((t: Tensor) => {
      let y = t;
      for (let i = 0; i < 20; i++) y = add(mul(y, y), t);
      return y;
    });
    const y = f(x);
    expect([most, alive, freed.length]).toEqual([2, 1, 39]);
    y.dispose();
    f.dispose();
  });
});

const shape = [2, 8, 8];
const train = stripes(38, shape, 1);
const validation = stripes(24, shape, 2);
function network(backend: Backend): Sequential {
  manualSeed(3);
  setDefaultBackend(backend);
  const base = new Sequential({
    stem: new Sequential([new Conv2d(2, 6, 3, { padding: 1 }), new BatchNorm2d(6), new ReLU()]),
    deep: new Sequential([new Conv2d(6, 8, 3, { padding: 1, stride: 2 }), new BatchNorm2d(8), new ReLU()]),
  });
  return transfer(base, { classes: 4, sampleShape: shape, dropout: 0.3 });
}
async function trained(backend: Backend, more: Partial<FitOptions>, unlocked = true): Promise<unknown> {
  const model = network(backend);
  if (unlocked) model.unlock();
  // What earlier tests have lost may go at any time, or the count would fall for it.
  await freeLost(backend);
  const before = memory(backend).tensors;
  const optimizer = more.optimizer ?? adam({ lr: 0.01 });
  const options = { epochs: 2, batchSize: 16, seed: 5, ...more, optimizer };
  const history = await fit(model, { train, validation }, options);
  optimizer.dispose();
  expect(memory(backend).tensors).toBe(before);
  const { probabilities } = await evaluate(model, validation);
  const out = { weights: await bits(model), losses: history.epochs, probabilities: [...probabilities] };
  model.dispose();
  return out;
}

describe('fit, compiled', () => {
  const settings: Record<string, () => [Partial<FitOptions>, boolean?]> = {
    'adam, dropout, batch norm': () => [{}],
    'adamW with a schedule and clipping': () => [
      { optimizer: adamW({ lr: 0.01 }), schedule: (s, n) => 1 - s / n, clipNorm: 0.5 },
    ],
    'sgd with momentum and mixup': () => [
      { optimizer: sgd({ lr: 0.05, momentum: 0.9, dampening: 0.1 }), mixup: 0.2 },
    ],
    'a locked base, cached and not': () => [{}, false],
    'a base that is unlocked later': () => [
      { epochs: 3, unfreeze: [{ epoch: 1, unlock: { from: 'deep' } }] },
      false,
    ],
  };
  for (const [name, make] of Object.entries(settings)) {
    test(`${name}: the bits of the ops one by one`, async () => {
      const [options, unlocked] = make();
      const compiled = await trained(whole, options, unlocked);
      expect(graphs.length).toBeGreaterThan(3);
      expect(compiled).toEqual(await trained(cpu, make()[0], unlocked));
      const count = graphs.length;
      expect(await trained(whole, { ...make()[0], compile: false }, unlocked)).toEqual(compiled);
      expect(graphs.length).toBe(count + 1); // the test's own evaluation
    });
  }

  test('runs a loss that looks at values op by op', async () => {
    const loss = (logits: Tensor): Tensor =>
      mul(sum(mul(logits, logits)), logits.dataSync()[0]! > 0 ? 1 : 0.5);
    const compiled = await trained(whole, { loss });
    expect(compiled).toEqual(await trained(cpu, { loss }));
  });

  test('a step that fails leaves weights, statistics and moments as they were', async () => {
    for (const compiled of [true, false]) {
      let fuse = Infinity;
      const failing: Backend = Object.assign(Object.create(cpu) as Backend, {
        fused: undefined,
        run: (...args: Parameters<Backend['run']>) => {
          if (fuse-- < 0) throw new Error('no more');
          return cpu.run(...(args as Parameters<typeof cpu.run>));
        },
        ...(compiled && {
          compile: (graph: Graph, captures: readonly unknown[]) => interpret(graph, failing, captures),
        }),
      });
      const model = network(failing).unlock();
      const optimizer = adam({ lr: 0.01 });
      let [steps, held]: [number, unknown] = [0, null];
      const run = fit(
        model,
        { train },
        {
          epochs: 1,
          batchSize: 8,
          optimizer,
          onStep: () => {
            steps++;
            if (steps < 2) return;
            held = [...model.stateDict(), ...optimizer.state()].map(([n, t]) => [n, [...t.dataSync()]]);
            fuse = 150; // in the middle of the third step
          },
        },
      );
      await expect(run).rejects.toThrow(/no more/);
      fuse = Infinity;
      expect(steps).toBe(2);
      expect(optimizer.stepCount).toBe(2);
      expect([...model.stateDict(), ...optimizer.state()].map(([n, t]) => [n, [...t.dataSync()]])).toEqual(
        held,
      );
    }
  });
});

describe('trace', () => {
  test('records primitives, and composites that have a name with their parts', () => {
    const model = new Sequential({
      conv: new Conv2d(2, 3, 3, { bias: false }),
      norm: new BatchNorm2d(3),
      act: new ReLU(),
      pool: new GlobalAvgPool2d(),
      head: new Linear(3, 2),
    }).eval();
    const seen = trace((x: Tensor) => softmax(model.forward(x), 1), [zeros([1, 2, 4, 4])]);
    const { nodes } = seen.graph;
    const names = new Map<unknown, string>(
      [...model.namedParameters(), ...model.namedBuffers()].map(([n, c]) => [c, n]),
    );
    const show = (v: number | null): string => {
      const feed = v === null ? null : seen.feeds.get(v);
      if (!feed) return v === null ? '-' : `%${nodes.findIndex((n) => outputsOf(n).includes(v))}`;
      return feed.kind === 'cell' ? names.get(feed.cell)! : feed.kind;
    };
    const nameOf = (node: GraphNode): string => (isComposite(node) ? node.composite : node.op);
    expect(nodes.map((n) => `${nameOf(n)}(${n.inputs.map(show).join()})`)).toEqual([
      'storedAffine(norm.running_mean,norm.running_var,norm.weight,norm.bias)',
      'convAffine(argument,conv.weight,%0,%0)',
      'globalAvgPool(%1)',
      'linear(%2,head.weight,head.bias)',
      'softmax(%3)',
    ]);
    const bodies = nodes.map((n) => (isComposite(n) ? n.body : []));
    expect(bodies[1]!.map(nameOf)).toEqual(['conv', 'reshape', 'binary', 'reshape', 'binary', 'unary']);
    expect(nodes.at(-1)!.attrs).toEqual({ axis: 1 });
    expect(seen.graph.specs[seen.results[0]!]!.shape).toEqual([1, 2]);
    seen.dispose();
  });

  test('opens what is not taken, and what others look into', () => {
    const w = new Parameter(tensor([1, 2]));
    const step = (x: Tensor): Tensor[] => {
      const { value, grads } = valueAndGrad(() => sum(mul(softmax(mul(x, w.value)), x)), [w]);
      return [value, relu6(grads[0]!)];
    };
    const { graph, results } = trace(step, [zeros([2])]);
    const named = (taken: readonly string[]): string[] =>
      open(graph.nodes, results, (n) => taken.includes(n.composite)).flatMap((n) =>
        isComposite(n) ? [n.composite] : [],
      );
    expect(named([])).toEqual([]);
    expect(named(['softmax', 'relu6'])).toEqual(['softmax', 'relu6']);
    // Under a tape a composite without a gradient of its own has parts that the gradient reads.
    const norm = trace((x: Tensor) => grad((t) => sum(prelu(t, t)))(x), [zeros([1])]);
    expect(open(norm.graph.nodes, norm.results, () => true).some(isComposite)).toBe(false);
  });
});
