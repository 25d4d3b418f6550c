/**
 * Teaches a network your pictures, saves it, loads it again and asks it about others:
 *
 *   main.ts FOLDER MODEL.safetensors [PICTURE…]
 *
 * FOLDER has one folder of pictures for each class.
 */
import { createWasmBackend } from '@graftjs/backend-wasm';
import {
  evaluate,
  fit,
  GraftError,
  headRecipe,
  noGrad,
  setDefaultBackend,
  softmax,
  tensor,
  transfer,
} from '@graftjs/core';
import { loadBase, loadModelFile, saveModelFile } from '@graftjs/models/node';
import { inputShape, toInput } from '@graftjs/vision';
import { decodeImage, imageFolder } from '@graftjs/vision/node';

async function train(folder: string, file: string): Promise<void> {
  const base = await loadBase('coco-mobilenet-v3');
  const { preprocess } = base;
  const data = await imageFolder(folder, {
    preprocess,
    split: { validation: 0.2 },
    seed: 7,
    strict: true, // a picture that cannot be read stops it; without, it is left out
  });
  const { classes, validation } = data;
  const model = transfer(base, { classes, seed: 7 });
  await fit(
    model,
    { train: data.train, ...(validation && { validation }) },
    {
      ...headRecipe(),
      seed: 7,
      onEpoch: ({ epoch, loss }) => console.log(`epoch ${epoch + 1}: loss ${loss.toFixed(3)}`),
    },
  );
  if (validation) {
    const { balancedAccuracy } = await evaluate(model, validation);
    const percent = (100 * balancedAccuracy).toFixed(0);
    console.log(`balanced accuracy on ${validation.length} pictures held back: ${percent} %`);
  }
  await saveModelFile(file, model, { classes, preprocess });
  await data.dispose();
}

async function predict(file: string, pictures: readonly string[]): Promise<void> {
  const { model, info } = await loadModelFile(file);
  const { classes, preprocess } = info;
  if (!classes || !preprocess) throw new GraftError(`${file}: not a classifier of pictures`);
  for (const picture of pictures) {
    const input = toInput(await decodeImage(picture, { size: preprocess.size }), preprocess);
    const x = tensor(input, [1, ...inputShape(preprocess)]);
    const p = [...(await noGrad(() => softmax(model.forward(x), 1)).data())];
    const best = p.indexOf(Math.max(...p));
    console.log(`${picture}: ${classes[best]}, ${(100 * p[best]!).toFixed(1)} %`);
  }
}

const [folder, file, ...pictures] = process.argv.slice(2);
try {
  if (!folder || !file) throw new GraftError('usage: main.ts FOLDER MODEL.safetensors [PICTURE…]');
  setDefaultBackend(await createWasmBackend());
  await train(folder, file);
  await predict(file, pictures);
} catch (error) {
  if (!(error instanceof GraftError)) throw error; // a bug: with its stack
  console.error(error.message);
  process.exitCode = 1;
}
