/** Loops as somebody writes them who has never heard of `scope`; without a test framework, for pages. */
import {
  adam,
  BatchNorm2d,
  Conv2d,
  crossEntropy,
  Flatten,
  Linear,
  MaxPool2d,
  ReLU,
  Sequential,
  softmax,
  tensor,
  valueAndGrad,
  type Backend,
  type Module,
} from '@graftjs/core';

/** Six layers on pictures of 32 × 32. */
export function sixLayers(backend: Backend): Sequential {
  return new Sequential([
    new Conv2d(3, 8, 3, { padding: 1, backend }),
    new BatchNorm2d(8, { backend }),
    new ReLU(),
    new MaxPool2d(2),
    new Flatten(),
    new Linear(8 * 256, 4, { backend }),
  ]);
}

/** Of 3 × 32 × 32. */
export const picture: Float32Array = new Float32Array(3 * 32 * 32).fill(0.25);

/** A prediction as somebody writes it who has never heard of `scope`. */
export async function predictOnce(model: Module, backend: Backend): Promise<void> {
  const p = softmax(model.forward(tensor(picture, [1, 3, 32, 32], { backend })), 1);
  await p.data();
}

/** So written, a training step. */
export function handWritten(model: Module, backend: Backend): () => Promise<void> {
  const optimizer = adam({ lr: 1e-3 });
  const parameters = [...model.namedParameters()].map(([name, parameter]) => ({ name, parameter }));
  return async () => {
    const x = tensor(picture, [1, 3, 32, 32], { backend });
    const target = tensor(Int32Array.of(1), [1], { backend });
    const { value, grads } = valueAndGrad(
      () => crossEntropy(model.forward(x), target),
      parameters.map((p) => p.parameter),
    );
    optimizer.step(parameters.map((p, i) => ({ ...p, grad: grads[i]! })));
    await value.item();
  };
}
