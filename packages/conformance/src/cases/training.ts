import {
  adam,
  batchNorm,
  conv,
  crossEntropy,
  flatten,
  linear,
  maxPool,
  Parameter,
  relu,
  scope,
  sgd,
  Tensor,
  valueAndGrad,
  type Layout,
  type Optimizer,
} from '@graftjs/core';
import type { Case } from './case.ts';
import { f32, i32, indices, positive, range } from './data.ts';
import { activationShape, LAYOUTS } from './geometry.ts';

/**
 * One step of a small network: convolution, batch norm, relu, pool, depthwise convolution, classifier. Gives the loss, the
 * gradients and the new weights. (The bound of a second step would be too wide to tell much: errors are taken at their
 * worst everywhere.)
 */
function train(optimizer: Optimizer, layout: Layout, [x, labels, ...weights]: readonly Tensor[]): Tensor[] {
  // Parameters own their tensors: these share the inputs' storage.
  const parameters = weights.map((w) => new Parameter(new Tensor(w.storage, w)));
  const [w1, gamma, beta, w2, w3, b3] = parameters;
  const running = { mean: weights[1], variance: weights[1] };
  const forward = (): Tensor => {
    const y1 = conv(x, w1.value, { padding: 1, layout });
    const norm = batchNorm(y1, running, { weight: gamma.value, bias: beta.value, training: true, layout });
    const y2 = maxPool(relu(norm.y), 2, { layout });
    const y3 = relu(conv(y2, w2.value, { padding: 1, stride: 2, groups: 4, layout }));
    return crossEntropy(linear(flatten(y3), w3.value, b3.value), labels);
  };
  const { value: loss, grads } = valueAndGrad(forward, parameters);
  optimizer.step(parameters.map((parameter, i) => ({ name: `p${i}`, parameter, grad: grads[i] })));
  const trained = parameters.map(({ value }) => new Tensor(value.storage, value));
  for (const p of parameters) p.dispose();
  optimizer.dispose();
  return [loss, ...grads, ...trained];
}

const optimizers: Readonly<Record<string, () => Optimizer>> = {
  sgd: () => sgd({ lr: 0.1, momentum: 0.9, weightDecay: 0.01 }),
  // With the usual eps of 1e-8, a gradient of 0 ± rounding is divided by its own size: nothing bounds that.
  adam: () => adam({ lr: 0.01, eps: 0.1 }),
};

export const trainingCases: readonly Case[] = LAYOUTS.flatMap((layout) =>
  Object.entries(optimizers).map(([name, make]): Case => ({
    name: `training step with ${name}, ${layout}`,
    op: 'training step',
    family: 'training',
    layout,
    rank: 2,
    inputs: [
      f32(activationShape(4, 3, [6, 6], layout)),
      i32([4], indices(3)),
      f32([4, 3, 3, 3]),
      f32([4], positive),
      f32([4], range(0.1, 0.5)),
      f32([4, 1, 3, 3], range(-0.5, 1)),
      f32([3, 16], range(-0.5, 0.5)),
      f32([3]),
    ],
    run: (...inputs) => scope(() => train(make(), layout, inputs)),
    gradients: [],
    exact: false,
  })),
);
