import { Random } from '@graftjs/core';
import { createPicture } from '@graftjs/vision';
import { encodePng } from '@graftjs/vision/node';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Whether a place, as a distance from the middle in radii, belongs to the shape. */
const SHAPES = {
  disc: (x: number, y: number): boolean => x * x + y * y < 1,
  cross: (x: number, y: number): boolean => Math.min(Math.abs(x), Math.abs(y)) < 0.3,
  square: (x: number, y: number): boolean => Math.max(Math.abs(x), Math.abs(y)) < 0.9,
} as const;
export type ShapeName = keyof typeof SHAPES;

export interface Drawing {
  readonly png: Uint8Array<ArrayBuffer>;
  /** Where the shape is, as parts of the picture's sides. */
  readonly x: number;
  readonly y: number;
  readonly radius: number;
}

/** A PNG of 120 × 100 pixels with one shape, somewhere, in some colour, on paper with a little grain. */
export async function draw(shape: ShapeName, seed: number): Promise<Drawing> {
  const [width, height] = [120, 100];
  const picture = createPicture(width, height);
  const random = new Random(seed, shape);
  const radius = 18 + 8 * random.uniform();
  const [cx, cy] = [radius, radius].map((r, i) => r + random.uniform() * ((i ? height : width) - 2 * r));
  const colour = Array.from({ length: 3 }, () => 30 + 130 * random.uniform());
  for (let i = 0; i < width * height; i++) {
    const [x, y] = [((i % width) - cx!) / radius, (Math.floor(i / width) - cy!) / radius];
    const inside = Math.max(Math.abs(x), Math.abs(y)) < 1 && SHAPES[shape](x, y);
    for (let c = 0; c < 3; c++) picture.data[3 * i + c] = (inside ? colour[c]! : 225) + 20 * random.uniform();
  }
  return {
    png: Uint8Array.from(await encodePng(picture)),
    x: cx! / width,
    y: cy! / height,
    radius: radius / height,
  };
}

/** `folder/disc/0.png`, … */
export async function drawFolder(
  folder: string,
  perClass: number,
  shapes: readonly ShapeName[],
): Promise<string> {
  for (const shape of shapes) {
    await mkdir(join(folder, shape), { recursive: true });
    for (let i = 0; i < perClass; i++)
      await writeFile(join(folder, shape, `${i}.png`), (await draw(shape, i)).png);
  }
  return folder;
}
