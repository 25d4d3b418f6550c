import * as tf from '@tensorflow/tfjs';
import { permuted } from '../data.ts';
import { startOf } from '../steps.ts';

type Layer = (x: tf.Tensor4D) => tf.Tensor4D;

/** A network in functions: what it gives for an input, and what is trained. */
export interface Network {
  readonly forward: (x: tf.Tensor4D) => tf.Tensor2D;
  readonly variables: tf.Variable[];
}

/** Layers whose weights are `startOf`'s, given out in the order in which Graft's networks have them. */
class Layers {
  readonly variables: tf.Variable[] = [];
  #count = 0;

  /** A parameter of Graft's shape, its axes in the order of `perm`. */
  #variable(name: string, shape: number[], perm = shape.map((_, i) => i)): tf.Variable {
    const values = startOf(name, shape, this.#count++);
    const made = tf.tidy(() =>
      tf.variable(
        values
          ? tf.tensor(
              permuted(values, shape, perm),
              perm.map((p) => shape[p]!),
            )
          : tf.ones(shape),
      ),
    );
    this.variables.push(made);
    return made;
  }

  /** Padded so that stride 1 keeps the size, or not at all. */
  conv(
    inChannels: number,
    outChannels: number,
    kernel: number,
    { stride = 1, padded = true, bias = false } = {},
  ): Layer {
    const w = this.#variable('weight', [outChannels, inChannels, kernel, kernel], [2, 3, 1, 0]);
    const b = bias ? this.#variable('bias', [outChannels]) : null;
    const pad = padded ? (kernel - 1) / 2 : 'valid';
    const rounding = padded ? 'floor' : undefined;
    return (x) => {
      const y = tf.conv2d(x, w as unknown as tf.Tensor4D, stride, pad, 'NHWC', 1, rounding);
      return b ? tf.add(y, b) : y;
    };
  }

  depthwise(channels: number, stride: number): Layer {
    const w = this.#variable('weight', [channels, 1, 3, 3], [2, 3, 0, 1]);
    return (x) => tf.depthwiseConv2d(x, w as unknown as tf.Tensor4D, stride, 1, 'NHWC', 1, 'floor');
  }

  /** With the batch's statistics; running ones are kept beside it. */
  norm(channels: number): Layer {
    const scale = this.#variable('weight', [channels]);
    const shift = this.#variable('bias', [channels]);
    const mean = tf.variable(tf.zeros([channels]), false);
    const variance = tf.variable(tf.ones([channels]), false);
    const keep = (running: tf.Variable, now: tf.Tensor): void =>
      running.assign(tf.add(tf.mul(running, 0.9), tf.mul(now, 0.1)));
    return (x) => {
      const now = tf.moments(x, [0, 1, 2]);
      keep(mean, now.mean);
      keep(variance, now.variance);
      const vectors = [now.mean, now.variance, shift, scale] as tf.Tensor1D[];
      return tf.batchNorm4d(x, vectors[0]!, vectors[1]!, vectors[2], vectors[3], 1e-5);
    };
  }

  linear(inChannels: number, outChannels: number): (x: tf.Tensor2D) => tf.Tensor2D {
    const w = this.#variable('weight', [outChannels, inChannels], [1, 0]);
    const b = this.#variable('bias', [outChannels]);
    return (x) => tf.add(tf.matMul(x, w as unknown as tf.Tensor2D), b);
  }
}

const chain =
  (...layers: readonly Layer[]): Layer =>
  (x) =>
    layers.reduce((y, layer) => layer(y), x);
const relu: Layer = (x) => tf.relu(x);
const relu6: Layer = (x) => tf.relu6(x);
const pooled = (x: tf.Tensor4D): tf.Tensor2D => tf.mean(x, [1, 2]);

export function cnn(): Network {
  const l = new Layers();
  const first = l.conv(1, 32, 3, { padded: false, bias: true });
  const second = l.conv(32, 64, 3, { padded: false, bias: true });
  const hidden = l.linear(9216, 128);
  const last = l.linear(128, 10);
  return {
    forward(x) {
      const y = tf.maxPool(relu(second(relu(first(x)))), 2, 2, 'valid');
      return last(tf.relu(hidden(tf.reshape(y, [x.shape[0], 9216]))));
    },
    variables: l.variables,
  };
}

/** Expansion, channels, number of blocks, stride of the first one: table 2 of arXiv:1801.04381. */
const INVERTED = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const;

export function mobilenetV2(): Network {
  const l = new Layers();
  const normed = (layer: Layer, channels: number): Layer => chain(layer, l.norm(channels), relu6);
  const layers: Layer[] = [normed(l.conv(3, 32, 3, { stride: 2 }), 32)];
  let channels = 32;
  for (const [expand, out, count, first] of INVERTED) {
    for (let i = 0; i < count; i++) {
      const stride = i === 0 ? first : 1;
      const hidden = channels * expand;
      const block = chain(
        ...(expand === 1 ? [] : [normed(l.conv(channels, hidden, 1), hidden)]),
        normed(l.depthwise(hidden, stride), hidden),
        l.conv(hidden, out, 1),
        l.norm(out),
      );
      layers.push(stride === 1 && channels === out ? (x) => tf.add(x, block(x)) : block);
      channels = out;
    }
  }
  layers.push(normed(l.conv(channels, 1280, 1), 1280));
  const head = l.linear(1280, 1000);
  return { forward: (x) => head(pooled(chain(...layers)(x))), variables: l.variables };
}

export function resnet18(): Network {
  const l = new Layers();
  const layers: Layer[] = [
    l.conv(3, 64, 7, { stride: 2 }),
    l.norm(64),
    relu,
    (x) => tf.maxPool(x, 3, 2, 1, 'floor'),
  ];
  let channels = 64;
  for (const out of [64, 128, 256, 512]) {
    for (const stride of [out === 64 ? 1 : 2, 1]) {
      const block = chain(
        l.conv(channels, out, 3, { stride }),
        l.norm(out),
        relu,
        l.conv(out, out, 3),
        l.norm(out),
      );
      const beside =
        stride === 1 && channels === out
          ? (x: tf.Tensor4D) => x
          : chain(l.conv(channels, out, 1, { stride }), l.norm(out));
      layers.push((x) => relu(tf.add(block(x), beside(x))));
      channels = out;
    }
  }
  const head = l.linear(512, 1000);
  return { forward: (x) => head(pooled(chain(...layers)(x))), variables: l.variables };
}
