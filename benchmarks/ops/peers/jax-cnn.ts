import { sizeOf } from '@graftjs/core';
import * as jax from '@jax-js/jax';
import { random } from '../data.ts';
import { labelsOf, steps } from '../steps.ts';
import type { Task } from '../task.ts';

const { jit, lax, nn, numpy: np, valueAndGrad } = jax;

/** 32C3-64C3-pool-128-10 in Flax's order of parameters: weight, bias, layer by layer. */
const SHAPES = [[32, 1, 3, 3], [32], [64, 32, 3, 3], [64], [9216, 128], [128], [128, 10], [10]];

function conv(x: jax.Array, w: jax.Array, b: jax.Array): jax.Array {
  return lax.conv(x, w, [1, 1], 'VALID').add(b.reshape([1, -1, 1, 1]));
}

function loss(params: jax.Array[], x: jax.Array, target: jax.Array): jax.Array {
  const [w1, b1, w2, b2, w3, b3, w4, b4] = params as [jax.Array, ...jax.Array[]] & { length: 8 };
  const features = nn.relu(conv(nn.relu(conv(x, w1, b1!)), w2!, b2!));
  const pooled = lax.reduceWindow(features, np.max, [2, 2], [2, 2]).reshape([-1, 9216]);
  const hidden = nn.relu(np.matmul(pooled, w3!).add(b3!));
  const logits = np.matmul(hidden, w4!).add(b4!);
  return nn
    .logSoftmax(logits, -1)
    .mul(target)
    .sum()
    .mul(-1 / steps.cnn.input[0]);
}

/** The training step of `steps.cnn` in jax-js: loss, gradients and Adam in one compiled function. */
export function jaxCnn(): Task {
  const [beta1, beta2, lr, epsilon] = [0.9, 0.999, 1e-3, 1e-8];
  const { input, classes } = steps.cnn;
  const array = (values: Float32Array<ArrayBuffer>, shape: readonly number[]): jax.Array =>
    np.array(values).reshape([...shape]);
  const x = array(random(sizeOf(input)), input);
  const target = nn.oneHot(np.array(new Int32Array(labelsOf(steps.cnn)), { dtype: np.int32 }), classes);
  let params = SHAPES.map((shape, i) => {
    const fanIn = shape.length === 2 ? shape[0]! : sizeOf(shape.slice(1));
    return array(
      random(sizeOf(shape), i + 1).map((v) => v / Math.sqrt(Math.max(fanIn, 1))),
      shape,
    );
  });
  let m = SHAPES.map((shape) => np.zeros(shape));
  let v = SHAPES.map((shape) => np.zeros(shape));
  const step = jit(
    (p: jax.Array[], ms: jax.Array[], vs: jax.Array[], rate: jax.Array, a: jax.Array, b: jax.Array) => {
      const [value, grads] = valueAndGrad(loss)(
        p.map((each) => each.ref),
        a,
        b,
      ) as [jax.Array, jax.Array[]];
      const nextM = ms.map((each, i) => each.mul(beta1).add(grads[i]!.ref.mul(1 - beta1)));
      const nextV = vs.map((each, i) => each.mul(beta2).add(np.square(grads[i]!).mul(1 - beta2)));
      const next = p.map((each, i) =>
        each.sub(nextM[i]!.ref.div(np.sqrt(nextV[i]!.ref).add(epsilon)).mul(rate.ref)),
      );
      rate.dispose();
      return [value, next, nextM, nextV] as [jax.Array, jax.Array[], jax.Array[], jax.Array[]];
    },
  );
  let t = 0;
  return {
    async run() {
      t++;
      const rate = np
        .array(new Float32Array([(lr * Math.sqrt(1 - beta2 ** t)) / (1 - beta1 ** t)]))
        .reshape([]);
      const [value, p, nextM, nextV] = step(params, m, v, rate, x.ref, target.ref);
      [params, m, v] = [p, nextM, nextV];
      await jax.blockUntilReady([value, p, nextM, nextV]);
      value.dispose();
    },
    dispose() {
      for (const a of [...params, ...m, ...v, x, target]) a.dispose();
      step.dispose();
    },
  };
}
