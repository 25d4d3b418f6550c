import {
  extractFeatures,
  GraftError,
  inputShape,
  showShape,
  sizeOf,
  softmax,
  type DataSource,
  type Module,
  type Preprocess,
  type Tensor,
} from '@graftjs/core';
import type { Picture } from './picture.ts';
import { inputWriter } from './preprocess.ts';

/** A classifier as `loadModel` of `@graftjs/models` gives it, or made of your own parts. */
export interface Classifier {
  readonly model: Module;
  readonly info: {
    /** In the order of the outputs. Without, the classes are called '0', '1', … */
    readonly classes?: readonly string[];
    readonly preprocess?: Preprocess;
  };
}

/** One answer about a picture. */
export interface Prediction {
  readonly class: string;
  /** The class's number, its place in `classes`. */
  readonly index: number;
  /** 0 to 1; those of all classes add up to 1. */
  readonly probability: number;
}

export interface PredictOptions {
  /** How many classes for each picture. Default 5, as in Keras' `decode_predictions`; `Infinity` for all. */
  readonly top?: number;
}

/**
 * What a classifier says of pictures: of each its likeliest classes, the likeliest first and of equal ones the first in
 * `classes`, as Keras' `decode_predictions` sorts them. The model gives logits, `[n, classes]`, and is run in evaluation mode.
 * @param pictures as `decodeImage` gives them, of any size
 * @returns a list for each picture, in their order
 * @throws GraftError where the model does not say how pictures become its input, or does not give a number for each class
 * @example
 * const model = new Sequential({ pool: new GlobalAvgPool2d(), classifier: new Linear(3, 2, { init: zerosInit, bias: false }) });
 * const info = { classes: ['cat', 'dog'], preprocess: imageNetPreprocess() };
 * const [answers] = await predict({ model, info }, [createPicture(640, 480)], { top: 1 });
 * answers!; // → [{ class: 'cat', index: 0, probability: 0.5 }]
 */
export async function predict(
  { model, info: { classes, preprocess } }: Classifier,
  pictures: readonly Picture[],
  { top = 5 }: PredictOptions = {},
): Promise<Prediction[][]> {
  if (!preprocess) throw new GraftError('predict: the model does not say how pictures become its input');
  const then = (logits: Tensor): Tensor => {
    const { shape } = logits;
    if (shape.length === 2 && shape[1] === (classes?.length ?? shape[1])) return softmax(logits, 1);
    const each = classes ? `each of ${classes.length} classes` : 'each class';
    throw new GraftError(
      `predict: the model gives ${showShape(shape)} for pictures, not a number for ${each}`,
    );
  };
  const { values } = await extractFeatures(model, inputsOf(pictures, preprocess), { then });
  const count = values.length / pictures.length;
  return pictures.map((_, i) => likeliest(values.subarray(i * count, (i + 1) * count), classes, top));
}

/** Pictures as the inputs of a network; what they show nobody knows yet. */
function inputsOf(pictures: readonly Picture[], preprocess: Preprocess): DataSource {
  const write = inputWriter(preprocess);
  const sampleShape = inputShape(preprocess);
  const size = sizeOf(sampleShape);
  return {
    length: pictures.length,
    sampleShape,
    classes: ['unknown'],
    labels: new Int32Array(pictures.length),
    key: 'pictures',
    load(indices) {
      const inputs = new Float32Array(indices.length * size);
      indices.forEach((index, i) => write(pictures[index]!, inputs, i * size));
      return Promise.resolve(inputs);
    },
  };
}

function likeliest(p: Float32Array, classes: readonly string[] | undefined, top: number): Prediction[] {
  return Array.from(p, (probability, index) => ({
    class: classes?.[index] ?? `${index}`,
    index,
    probability,
  }))
    .sort((a, b) => b.probability - a.probability || a.index - b.index)
    .slice(0, top);
}
