import * as tf from '@tensorflow/tfjs';
import { sizeOf } from '@graftjs/core';
import { random, toLast } from '../data.ts';
import { readNsfwModel } from '../nsfw.ts';
import { labelsOf, steps, type StepName } from '../steps.ts';

/** A step on the backend at hand; a sentence where there is none. */
export async function tfjsStep(name: StepName): Promise<(() => tf.Tensor) | string> {
  switch (name) {
    case 'cnn':
      return cnn();
    case 'mobilenet-v2 forward':
    case 'nsfw forward':
      return nsfw();
    default:
      return 'only the small network is trained with it here.';
  }
}

/** nsfwjs's file, run as the graph model that it is. */
async function nsfw(): Promise<() => tf.Tensor> {
  const { model, weights } = await readNsfwModel();
  const network = await tf.loadGraphModel({
    load: async () => ({
      modelTopology: model.modelTopology,
      format: model.format,
      weightSpecs: model.weightsManifest.flatMap((group) => group.weights) as tf.io.WeightsManifestEntry[],
      weightData: weights.buffer as ArrayBuffer,
    }),
  });
  const { input } = steps['nsfw forward'];
  const x = tf.keep(tf.tensor(toLast(random(sizeOf(input)), input), [1, 224, 224, 3]));
  return () => network.predict(x) as tf.Tensor;
}

function cnn(): () => tf.Tensor {
  const { input, classes } = steps.cnn;
  const weights = (shape: number[], fanIn: number, seed: number): tf.Variable =>
    tf.variable(tf.tensor(random(sizeOf(shape), seed), shape).div(Math.sqrt(fanIn)));
  const bias = (n: number): tf.Variable => tf.variable(tf.zeros([n]));
  const [w1, b1] = [weights([3, 3, 1, 32], 9, 1), bias(32)];
  const [w2, b2] = [weights([3, 3, 32, 64], 288, 2), bias(64)];
  const [w3, b3] = [weights([9216, 128], 9216, 3), bias(128)];
  const [w4, b4] = [weights([128, 10], 128, 4), bias(10)];
  const x = tf.keep(tf.tensor(toLast(random(sizeOf(input)), input), [32, 28, 28, 1])) as tf.Tensor4D;
  const target = tf.keep(tf.cast(tf.oneHot(tf.tensor1d(labelsOf(steps.cnn), 'int32'), classes), 'float32'));
  const conv = (t: tf.Tensor4D, w: tf.Variable, b: tf.Variable): tf.Tensor4D =>
    tf.relu(tf.add(tf.conv2d(t, w as unknown as tf.Tensor4D, 1, 'valid'), b)) as tf.Tensor4D;
  const loss = (): tf.Scalar => {
    const pooled = tf.reshape(tf.maxPool(conv(conv(x, w1, b1), w2, b2), 2, 2, 'valid'), [32, 9216]);
    const hidden = tf.relu(tf.add(tf.matMul(pooled, w3), b3));
    const logits = tf.add(tf.matMul(hidden, w4), b4);
    return tf.losses.softmaxCrossEntropy(target, logits);
  };
  const optimizer = tf.train.adam(1e-3);
  return () => optimizer.minimize(loss, true)!;
}
