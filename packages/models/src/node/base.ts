import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { GraftError, type Backend, type BaseModel } from '@graftjs/core';
import { COCO_MOBILENET_V3, cocoMobilenetPreprocess } from '../coco-mobilenet-v3.ts';
import { loadModel } from '../model-file.ts';

export interface BaseOptions {
  readonly backend?: Backend;
}

export async function loadBase(name: string, options: BaseOptions = {}): Promise<BaseModel> {
  const asset = fileURLToPath(new URL(`../../assets/${COCO_MOBILENET_V3.file}`, import.meta.url));
  const { model, info } = loadModel(await readFile(asset), options);
  if (name !== COCO_MOBILENET_V3.name) throw new GraftError(`unknown base '${name}'`);
  return {
    model,
    name,
    preprocess: info.preprocess ?? cocoMobilenetPreprocess(),
    defaultCut: COCO_MOBILENET_V3.defaultCut,
    licence: COCO_MOBILENET_V3.licence,
  };
}
