/**
 * Teaches a network your pictures (FOLDER has one folder for each class), saves it, loads it again, asks it about others:
 *   main.ts FOLDER MODEL.safetensors [PICTURE…]
 */
import { createWasmBackend } from '@graftjs/backend-wasm';
import { evaluate, fit, GraftError, headRecipe, setDefaultBackend, transfer } from '@graftjs/core';
import { loadBase, loadModelFile, saveModelFile } from '@graftjs/models/node';
import { predict } from '@graftjs/vision';
import { decodeImage, imageFolder } from '@graftjs/vision/node';

async function train(folder: string, file: string): Promise<void> {
  const base = await loadBase('coco-mobilenet-v3');
  const { preprocess } = base;
  const data = await imageFolder(folder, {
    preprocess, // a fifth of each class is held back, or what a folder 'val' has
    seed: 7,
    strict: true, // a picture that cannot be read stops it; without, it is left out
  });
  const { classes, validation } = data;
  for (const { text } of data.remarks) console.error(text);
  const model = transfer(base, { classes, seed: 7 });
  const recipe = headRecipe();
  await fit(
    model,
    { train: data.train, ...(validation && { validation }) },
    {
      ...recipe,
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
  for (const done of [recipe.optimizer, model, base.model]) done.dispose();
}

async function test(file: string, pictures: readonly string[]): Promise<void> {
  const { model, info } = await loadModelFile(file);
  const decoded = await Promise.all(pictures.map((p) => decodeImage(p, { size: info.preprocess!.size })));
  const answers = await predict({ model, info }, decoded, { top: 1 });
  answers.forEach(([best], i) =>
    console.log(`${pictures[i]}: ${best!.class}, ${(100 * best!.probability).toFixed(1)} %`),
  );
  model.dispose();
}

const [folder, file, ...pictures] = process.argv.slice(2);
try {
  if (!folder || !file) throw new GraftError('usage: main.ts FOLDER MODEL.safetensors [PICTURE…]');
  setDefaultBackend(await createWasmBackend());
  await train(folder, file);
  await test(file, pictures);
} catch (error) {
  if (!(error instanceof GraftError)) throw error; // a bug: with its stack
  console.error(error.message);
  process.exitCode = 1;
}
