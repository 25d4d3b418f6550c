import {
  ArraySource,
  Random,
  sizeOf,
  type Checkpoint,
  type CheckpointStore,
  type Module,
  type Shape,
} from '@graftjs/core';

/** Keeps a checkpoint in memory, as bytes would be kept. */
export class MemoryStore implements CheckpointStore {
  last: Checkpoint | null = null;
  saves = 0;
  save(c: Checkpoint): Promise<void> {
    this.last = structuredClone(c);
    this.saves++;
    return Promise.resolve();
  }
  load(): Promise<Checkpoint | null> {
    return Promise.resolve(this.last);
  }
}

/** Noise with stripes: the class tells which way they run, and in which of two channels. */
export function stripes(count: number, sampleShape: Shape, seed: number, classes = 4): ArraySource {
  const random = new Random(seed, 'stripes');
  const size = sizeOf(sampleShape);
  const values = random.normalArray(count * size);
  const labels = Int32Array.from({ length: count }, (_, i) => i % classes);
  const [, h, w] = sampleShape as [number, number, number];
  for (let n = 0; n < count; n++) {
    const channel = labels[n]! >> 1;
    for (let i = 0; i < h; i++)
      for (let j = 0; j < w; j++)
        values[n * size + (channel * h + i) * w + j]! += (labels[n]! & 1 ? i : j) & 1 ? 1.5 : -1.5;
  }
  const names = Array.from({ length: classes }, (_, i) => `stripes ${i}`);
  return new ArraySource(values, labels, sampleShape, names, `stripes-${seed}-${count}`);
}

/** All weights and buffers, as bytes in hexadecimal: equal means the same bits. */
export async function bits(
  model: Module,
  only: (name: string) => boolean = () => true,
): Promise<Record<string, string>> {
  const out: Record<string, string> = {};
  for (const [name, t] of model.stateDict()) {
    if (!only(name)) continue;
    const v = await t.data();
    out[name] = Buffer.from(v.buffer, v.byteOffset, v.byteLength).toString('hex');
  }
  return out;
}
