import { ArraySource, Random, sizeOf, type Module, type Shape } from '@graftjs/core';

/** Pictures whose class shows in which quadrant is bright: learnable, and different for every seed. */
export function quadrants(count: number, sampleShape: Shape, seed: number, classes = 4): ArraySource {
  const random = new Random(seed, 'quadrants');
  const size = sizeOf(sampleShape);
  const values = random.normalArray(count * size);
  const labels = Int32Array.from({ length: count }, (_, i) => i % classes);
  const [, h, w] = sampleShape as [number, number, number];
  for (let n = 0; n < count; n++) {
    const [top, left] = [labels[n]! & 1 ? h >> 1 : 0, labels[n]! & 2 ? w >> 1 : 0];
    for (let c = 0; c < sampleShape[0]!; c++)
      for (let i = 0; i < h >> 1; i++)
        for (let j = 0; j < w >> 1; j++) values[n * size + (c * h + top + i) * w + left + j]! += 1.5;
  }
  return new ArraySource(values, labels, sampleShape, Array.from({ length: classes }, (_, i) => `quadrant ${i}`), `quadrants-${seed}-${count}`);
}

/** All weights and buffers, as bytes in hexadecimal: equal means the same bits. */
export async function bits(model: Module, only: (name: string) => boolean = () => true): Promise<Record<string, string>> {
  const out: Record<string, string> = {};
  for (const [name, t] of model.stateDict()) {
    if (!only(name)) continue;
    const v = await t.data();
    out[name] = Buffer.from(v.buffer, v.byteOffset, v.byteLength).toString('hex');
  }
  return out;
}
