import * as graft from '@graftjs/core';
import { loadBaseFrom, loadModel, saveModel, type LoadedModel } from '@graftjs/models';
import baseFile from '@graftjs/models/coco-mobilenet-v3.safetensors?url';
import {
  drawHeat,
  fitPicture,
  PictureSource,
  predict,
  resize,
  toInput,
  type Picture,
  type PictureEntry,
} from '@graftjs/vision';
import { decodeImage } from '@graftjs/vision/browser';
import { expose } from 'comlink';
import mjs from 'onnxruntime-web/ort-wasm-simd-threaded.mjs?url';
import wasm from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url';

export type { Picture };
export type Image = Blob | ImageBitmap;
export type Class = { name: string; pictures: Picture[] };

const threads = navigator.hardwareConcurrency;
const backends: Record<string, () => Promise<graft.Backend>> = {
  wasm: async () => (await import('@graftjs/backend-wasm')).createWasmBackend({ threads }),
  webgl: async () => (await import('@graftjs/backend-webgl')).createWebglBackend(),
  onnx: async () => {
    const ort = await import('onnxruntime-web/wasm');
    const { createOnnxBackend } = await import('@graftjs/backend-onnx');
    return createOnnxBackend({ ort, wasmPaths: { mjs, wasm }, threads });
  },
  cpu: async () => (await import('@graftjs/backend-cpu')).createCpuBackend(),
};
let backend: graft.Backend | undefined;
/** The model on it, as its file has it. */
let trained: LoadedModel | undefined;

const api = {
  /** Opens a backend, a model on it, and says in a sentence how it works here; throws one that says why not. */
  async open(name: string, model?: Uint8Array): Promise<string> {
    await backend?.dispose().catch(() => {}); // one whose device is lost has nothing left to free
    backend = trained = undefined;
    backend = await backends[name]!();
    graft.setDefaultBackend(backend);
    if (model) trained = await loadModel(model);
    const count = backend.threads ?? 1;
    return backend.notes?.join(' ') || `'${name}' is ready, on ${count} thread${count > 1 ? 's' : ''}.`;
  },

  /** What the network gets to see of a picture. */
  async look(image: Image): Promise<Picture> {
    return fitPicture(await decodeImage(image, { size: 96 }), { size: 96, fit: 'squash' });
  },

  /** Trains a new last layer; gives the model's file. `tell` hears which part is done and, after each epoch, the loss. */
  async train(
    name: string,
    classes: Class[],
    tell: (done: number, losses: number[]) => void,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const empty = classes.find(({ pictures }) => pictures.length === 0);
    if (empty) throw new Error(`'${empty.name}' has no pictures: give it some, or remove it.`);
    await api.open(name); // anew: whatever has happened to the one before
    const response = await fetch(baseFile);
    const base = await loadBaseFrom(new Uint8Array(await response.arrayBuffer()));
    const { preprocess } = base;
    const names = classes.map((c) => c.name.normalize()); // 'é' is one letter, however it was typed
    const model = graft.transfer(base, { classes: names });
    const recipe = graft.headRecipe();
    const losses: number[] = [];
    await graft.fit(
      model,
      { train: new PictureSource(entriesOf(classes), { classes: names, preprocess }) },
      {
        ...recipe,
        // Half of the bar is for what the network sees in the pictures, which is computed once, half for the epochs.
        onProgress: ({ phase, done, total }) => {
          if (phase === 'features') tell(done / total / 2, losses);
        },
        onEpoch: ({ loss }) => {
          losses.push(loss);
          tell(0.5 + losses.length / recipe.epochs / 2, losses);
        },
      },
    );
    const file = await saveModel(model, { name: base.name, classes: names, preprocess });
    trained = await loadModel(file);
    return file;
  },

  /** Probabilities, the largest first, and the picture with a glow where it speaks for the first (Grad-CAM). */
  async explain(image: Image): Promise<{ scores: [string, number][]; picture: Picture }> {
    if (!trained) throw new Error('There is no model yet: train one first.');
    const { model, info } = trained;
    const picture = await decodeImage(image, { size: info.preprocess!.size });
    const [answers] = await predict(trained, [picture], { top: Infinity });
    return {
      scores: answers!.map((a) => [a.class, a.probability]),
      picture: await withHeat(model, picture, info.preprocess!, answers![0]!.index),
    };
  },
};
export type Api = typeof api;

/** Pictures as `fit` reads them: each with the number of its class, and a name by which its features are kept. */
function entriesOf(classes: readonly Class[]): PictureEntry[] {
  return classes.flatMap(({ pictures }, label) =>
    pictures.map((picture, i) => ({ key: `${label}/${i}`, label, read: async () => picture })),
  );
}

/** The picture, 320 pixels on its longer side, with a glow where it speaks for a class. */
async function withHeat(
  model: graft.Module,
  picture: Picture,
  preprocess: graft.Preprocess,
  index: number,
): Promise<Picture> {
  const x = graft.tensor(toInput(picture, preprocess), [1, ...graft.inputShape(preprocess)]);
  const map = graft.gradCam(model, x, index);
  const [, rows, columns] = map.shape as [number, number, number];
  const values = await map.data();
  for (const t of [x, map]) t.dispose();
  const scale = 320 / Math.max(picture.width, picture.height);
  const large = resize(picture, Math.ceil(picture.width * scale), Math.ceil(picture.height * scale));
  return drawHeat(large, { rows, columns, values });
}

expose(api);
