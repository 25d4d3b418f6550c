import {
  adam,
  batchNorm,
  BatchNorm2d,
  Conv2d,
  crossEntropy,
  Dropout,
  grad,
  KernelError,
  memory,
  mul,
  Random,
  randomNormal,
  ReLU,
  ReLU6,
  scope,
  Sequential,
  sgd,
  sum,
  summarize,
  tensor,
  valueAndGrad,
  withRandom,
  type Backend,
  type Module,
  type Tensor,
} from '@graftjs/core';
import { type FusedKernels, type FusedName, type OpName } from '@graftjs/core/backend';
import { composite, fusedComposites, withRunner } from '@graftjs/core/extend';
import { createCpuBackend } from '@graftjs/backend-cpu';
import { describe, expect, test } from 'vitest';
import { decomposedKernels, withFused } from '../../src/index.ts';

// When fused kernels run, and that they change nothing. The kernels are doubles that run the decompositions and count.

const plain = await createCpuBackend();

function counting(): { readonly backend: Backend; readonly calls: string[] } {
  const calls: string[] = [];
  const kernels = decomposedKernels(plain as Backend);
  const fused = Object.fromEntries(
    Object.entries(kernels).map(([name, kernel]) => [
      name,
      (...call: Parameters<FusedKernels<unknown>[FusedName]>) => {
        const [, attrs] = call;
        calls.push([name, (attrs as { activation?: string }).activation].filter(Boolean).join(' '));
        return (kernel as (...args: readonly unknown[]) => never)(...call);
      },
    ]),
  );
  return { backend: withFused(plain as Backend, fused), calls };
}
const values = (t: Tensor): number[] => [...t.dataSync()];
const normal = (backend: Backend, name: string, ...shape: number[]): Tensor =>
  randomNormal(shape, new Random(1, name), { backend });

/** The same network on either backend. */
function network(backend: Backend): Sequential {
  return withRandom(new Random(3), () => {
    const model = new Sequential({
      conv1: new Conv2d(3, 4, 3, { bias: false, backend }),
      bn1: new BatchNorm2d(4, { backend }),
      relu1: new ReLU6(),
      conv2: new Conv2d(4, 4, 3, { groups: 4, backend }),
      relu2: new ReLU(),
      conv3: new Conv2d(4, 2, 1, { bias: false, backend }),
      bn3: new BatchNorm2d(2, { backend }),
      drop: new Dropout(0.5),
      conv4: new Conv2d(2, 2, 1, { backend }),
    });
    for (const [name, b] of model.namedBuffers()) {
      if (name.endsWith('mean')) b.set(normal(backend, name, b.value.size));
    }
    return model;
  });
}

describe('a chain of layers', () => {
  const expected = ['convAffine relu6', 'convAffine relu', 'convAffine none', 'convAffine none'];
  const layerByLayer = (model: Module, x: Tensor): Tensor =>
    composite(() => {
      let y = x;
      for (const [, m] of model.members()) y = (m as Module).forward(y);
      return y;
    });

  test('runs a convolution, its batch norm and its activation in one pass in evaluation', () => {
    const { backend, calls } = counting();
    const model = network(backend).eval();
    const x = normal(backend, 'x', 2, 3, 8, 8);
    const y = scope(() => model.forward(x));
    expect(calls).toEqual(expected);
    const apart = scope(() => layerByLayer(model, x));
    expect(values(y)).toEqual(values(apart));
    expect(values(y)).toEqual(values(network(plain as Backend).eval().forward(normal(plain as Backend, 'x', 2, 3, 8, 8)))); // prettier-ignore
  });

  test('in training normalizes by the batch, unless the layer is locked or on stored statistics', () => {
    const { backend, calls } = counting();
    const model = network(backend);
    const x = normal(backend, 'x', 2, 3, 8, 8);
    const run = (): string[] => {
      calls.length = 0;
      withRandom(new Random(1), () => scope(() => void model.forward(x)));
      return calls;
    };
    expect(run()).toEqual(['convAffine none', 'batchNorm', 'convAffine relu', 'convAffine none', 'batchNorm', 'convAffine none']); // prettier-ignore
    model.lock('bn1');
    (model.module('bn3') as BatchNorm2d).statistics = 'stored';
    expect(run()).toEqual(expected);
  });

  test.each(['none', 'conv1', 'conv2', 'bn1', 'bn3'])(
    'under a tape, with %s locked, has the gradients of its layers',
    (locked) => {
      const gradients = (backend: Backend, chained: boolean): number[][] => {
        const model = network(backend).eval();
        if (locked !== 'none') model.lock(locked);
        const x = normal(backend, 'x', 2, 3, 8, 8);
        return scope(() => {
          const { value, grads } = valueAndGrad(() => {
            const y = chained ? model.forward(x) : layerByLayer(model, x);
            return sum(mul(y, y));
          }, model.trainable());
          return [value, ...grads].map(values);
        });
      };
      const { backend, calls } = counting();
      const chained = gradients(backend, true);
      expect(calls.length).toBeGreaterThan(0);
      expect(chained).toEqual(gradients(backend, false));
      expect(chained).toEqual(gradients(plain as Backend, false));
    },
  );

  test('leaves a layer alone whose forward is another one', () => {
    const { backend, calls } = counting();
    const model = network(backend).eval();
    const seen: string[] = [];
    const bn = model.module('bn1');
    const forward = bn.forward.bind(bn);
    bn.forward = (x) => (seen.push('bn1'), forward(x));
    scope(() => void model.forward(normal(backend, 'x', 1, 3, 8, 8)));
    expect(seen).toEqual(['bn1']);
    expect(calls[0]).toBe('convAffine none');
  });

  test('summaries see every layer and its field', () => {
    const { backend } = counting();
    const rows = (on: Backend): unknown => summarize(network(on), normal(on, 'x', 1, 3, 8, 8));
    expect(rows(backend)).toEqual(rows(plain as Backend));
    expect((rows(backend) as unknown[]).length).toBe(9);
  });
});

describe('a fused composite', () => {
  test('differentiates, also twice', () => {
    const twice = (backend: Backend): number[][] => {
      const [x, w, b] = [normal(backend, 'x', 3, 4, 5), normal(backend, 'w', 4), normal(backend, 'b', 4)];
      const labels = tensor([0, 3, 1, 2, 0, 1, 2, 3, 1, 0, 2, 1, 3, 2, 0], [3, 5], {
        dtype: 'int32',
        backend,
      });
      const running = { mean: b, variance: w };
      const loss = (...[t, weight, bias]: Tensor[]): Tensor => {
        const { y } = batchNorm(t!, running, { weight: weight!, bias: bias!, training: true });
        return crossEntropy(y, labels);
      };
      const first = grad(loss);
      const second = grad((...inputs) => {
        const [gx, gw] = first(...inputs);
        return composite(() => sum(mul(gx!, gx!)).add(sum(mul(gw!, gw!))));
      });
      return [...first(x, w, b), ...second(x, w, b)].map(values);
    };
    const { backend, calls } = counting();
    const results = twice(backend);
    expect(results).toEqual(twice(plain as Backend));
    expect([...new Set(calls)].sort()).toEqual(
      ['batchNorm', 'batchNormGrad', 'softmaxCrossEntropy', 'softmaxCrossEntropyGrad'].sort(),
    );
  });

  test('is never seen by a tracing runner', () => {
    const { backend, calls } = counting();
    const x = normal(backend, 'x', 3, 4);
    const labels = tensor([0, 3, 1], [3], { dtype: 'int32', backend });
    const ops: string[] = [];
    scope(() => {
      withRunner(
        {
          run: (op, inputs, attrs, output) => {
            ops.push(op.name);
            const operands = inputs.map((t) => ({ buffer: t.storage.buffer, spec: t }));
            const buffer = backend.run<OpName>(op.name, operands as never, attrs, output);
            return tensor(plain.readSync!(buffer as never, output), output.shape, {
              dtype: output.dtype,
              backend,
            });
          },
        },
        () => void crossEntropy(x, labels),
      );
    });
    expect(calls).toEqual([]);
    expect(ops).toContain('reduce');
  });

  test('that fails is a KernelError of its name, and leaves nothing behind', () => {
    const backend = withFused(plain as Backend, {
      batchNorm: () => {
        throw new RangeError('no room');
      },
    });
    const x = normal(backend, 'x', 3, 4);
    const running = { mean: normal(backend, 'm', 4), variance: normal(backend, 'v', 4) };
    const before = memory(backend).tensors;
    const attempt = (): unknown => batchNorm(x, running, { training: true });
    expect(attempt).toThrow(KernelError);
    expect(attempt).toThrow(/batchNorm/);
    expect(memory(backend).tensors).toBe(before);
  });

  test('may hand back a buffer that it was given', () => {
    const { backend } = counting();
    const [p, g] = [normal(backend, 'p', 3), normal(backend, 'g', 3)];
    const attrs = { lr: 0.1, weightDecay: 0, momentum: 0.9, dampening: 0, nesterov: false };
    const [next, buffer] = fusedComposites.sgd.apply([p, g, null], attrs);
    expect(buffer!.storage).toBe(g.storage);
    g.dispose();
    expect(values(buffer!)).toEqual(values(normal(backend, 'g', 3)));
    expect(next!.storage).not.toBe(p.storage);
  });

  test.each([
    ['sgd', () => sgd({ lr: 0.1, momentum: 0.9 })],
    ['adam', () => adam({ lr: 0.1 })],
  ] as const)('%s does not grow the memory', (name, make) => {
    const { backend, calls } = counting();
    const model = network(backend);
    const optimizer = make();
    const step = (i: number): void =>
      scope(() => {
        const entries = [...model.namedParameters()].map(([key, parameter]) => ({
          name: key,
          parameter,
          grad: normal(backend, `${key}${i}`, ...parameter.value.shape),
        }));
        optimizer.step(entries);
      });
    step(1);
    const { tensors, bytes } = memory(backend);
    step(2);
    expect(memory(backend)).toEqual({ tensors, bytes });
    expect(calls).toContain(name);
  });
});
