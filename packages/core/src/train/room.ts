import type { Backend } from '../backend.ts';
import { peakMemory } from '../memory.ts';
import { tensor } from '../ops/index.ts';
import { scope, type Tensor } from '../tensor.ts';
import { sizeOf, type Shape } from '../types.ts';

/**
 * Bytes that the values of a network may take while samples run through it without a tape, its input included: a network
 * with large activations takes fewer samples at once. Kernels' own room and the weights come on top.
 */
export const ROOM: number = 128 * 2 ** 20;

/** What one sample takes. */
export interface SampleSize {
  /** Of what comes out, without the batch axis. */
  readonly shape: Shape;
  /** Most bytes of values at one time. */
  readonly bytes: number;
}

/** From a recording where the backend is slow op by op, otherwise from a run on zeros. */
export async function sizeUp(
  run: (x: Tensor) => Tensor,
  sampleShape: Shape,
  backend: Backend,
): Promise<SampleSize> {
  const shape = [1, ...sampleShape];
  if (backend.compile) {
    const { tracedSize } = await import('../compile/size.ts');
    const { output, bytes } = tracedSize(run, { dtype: 'float32', shape });
    return { shape: output.shape.slice(1), bytes };
  }
  const { value, bytes } = peakMemory(backend, () =>
    scope(() => run(tensor(new Float32Array(sizeOf(shape)), shape, { backend })).shape),
  );
  return { shape: value.slice(1), bytes };
}

/**
 * How many samples to run at once: all that are wanted if there is room, otherwise a power of two, so that few sizes
 * occur. The results do not depend on it: what comes of a sample has the same bits in any company.
 */
export function samplesAtOnce(wanted: number, { bytes }: SampleSize): number {
  const most = Math.max(1, Math.floor(ROOM / Math.max(bytes, 1)));
  return wanted <= most ? wanted : 2 ** Math.floor(Math.log2(most));
}

/** Runs of at most `size` of the numbers from 0 to `count`. */
export function* partsOf(count: number, size: number): Generator<readonly [from: number, to: number]> {
  for (let from = 0; from < count; from += size) yield [from, Math.min(from + size, count)];
}
