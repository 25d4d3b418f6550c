import { sizeOf } from '@graftjs/core';
import * as tf from '@tensorflow/tfjs';
import { random, toLast } from '../data.ts';
import { labelsOf, steps, type StepName } from '../steps.ts';
import { cnn, mobilenetV2, resnet18, type Network } from './tfjs-networks.ts';

export interface TfjsStep {
  /** Gives the loss, or what a forward pass gives. */
  readonly run: () => tf.Tensor;
  readonly inputs: readonly tf.Tensor[];
  readonly training: boolean;
}

/** A step on the backend at hand; a sentence where there is none. */
export async function tfjsStep(name: StepName): Promise<TfjsStep | string> {
  switch (name) {
    case 'cnn':
    case 'cnn, batch 8':
      return training(name, cnn(), tf.train.adam(1e-3, 0.9, 0.999, 1e-8));
    case 'mobilenet-v2':
    case 'mobilenet-v2, batch 2':
      return training(name, mobilenetV2(), tf.train.sgd(0.01));
    case 'resnet-18':
    case 'resnet-18, batch 2':
      return training(name, resnet18(), tf.train.sgd(0.01));
    case 'mobilenet-v2 forward':
    case 'nsfw forward':
      return nsfw();
    default:
      return 'this network is not written for it here.';
  }
}

/** nsfwjs's file, run as the graph model that it is. */
async function nsfw(): Promise<TfjsStep> {
  const { readNsfwModel } = await import('../nsfw.ts');
  const { model, weights } = await readNsfwModel();
  const network = await tf.loadGraphModel({
    load: async () => ({
      modelTopology: model.modelTopology,
      format: model.format,
      weightSpecs: model.weightsManifest.flatMap((group) => group.weights) as tf.io.WeightsManifestEntry[],
      weightData: weights.buffer as ArrayBuffer,
    }),
  });
  const x = inputOf('nsfw forward');
  return { run: () => network.predict(x) as tf.Tensor, inputs: [x], training: false };
}

function inputOf(name: StepName): tf.Tensor4D {
  const { input } = steps[name];
  const [n, c, h, w] = input;
  return tf.keep(tf.tensor4d(toLast(random(sizeOf(input)), input), [n, h, w, c]));
}

function training(name: StepName, { forward, variables }: Network, optimizer: tf.Optimizer): TfjsStep {
  const { classes } = steps[name];
  const x = inputOf(name);
  const target = tf.keep(
    tf.tidy(() => tf.cast(tf.oneHot(tf.tensor1d(labelsOf(steps[name]), 'int32'), classes), 'float32')),
  );
  const loss = (): tf.Scalar => tf.losses.softmaxCrossEntropy(target, forward(x));
  return {
    run: () => optimizer.minimize(loss, true, variables)!,
    inputs: [x, target, ...variables],
    training: true,
  };
}
