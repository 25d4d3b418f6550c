import { GraftError } from '../errors.ts';
import { Tensor } from '../tensor.ts';
import type { Backend } from '../backend.ts';
import type { DType, Shape, TypedArray } from '../types.ts';

/** Values as files hold them. */
export interface SavedTensor {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly data: TypedArray;
}

/** Everything `fit` needs to go on with the same bits: weights, optimizer state, position, history. */
export interface Checkpoint {
  /** JSON. */
  readonly meta: string;
  readonly tensors: ReadonlyMap<string, SavedTensor>;
}

/** Keeps one checkpoint. `save` must be atomic: after a crash `load` gives the old one or the new one, whole. */
export interface CheckpointStore {
  save(checkpoint: Checkpoint): Promise<void>;
  /** The last one saved, or null. */
  load(): Promise<Checkpoint | null>;
}

/** Copies tensors out. */
export async function saveTensors(
  entries: Iterable<readonly [string, Tensor]>,
): Promise<Map<string, SavedTensor>> {
  const out = new Map<string, SavedTensor>();
  for (const [name, t] of entries) out.set(name, { dtype: t.dtype, shape: t.shape, data: await t.data() });
  return out;
}

/** Puts the saved tensors whose names begin with `prefix` on a backend, under the rest of their names. */
export function restoreTensors(
  checkpoint: Checkpoint,
  prefix: string,
  backend: Backend,
): Map<string, Tensor> {
  const out = new Map<string, Tensor>();
  for (const [name, s] of checkpoint.tensors) {
    if (!name.startsWith(prefix)) continue;
    const spec = { dtype: s.dtype, shape: s.shape };
    out.set(name.slice(prefix.length), Tensor.fromBuffer(backend, backend.upload(s.data, spec), spec));
  }
  return out;
}

/** What must be the same for a resumed run to give the same bits. */
export function assertSameRun(saved: Record<string, unknown>, now: Record<string, unknown>): void {
  const different = Object.keys(now).filter((k) => JSON.stringify(saved[k]) !== JSON.stringify(now[k]));
  if (different.length) {
    const list = different.map((k) => `${k} was ${JSON.stringify(saved[k])}, is ${JSON.stringify(now[k])}`);
    throw new GraftError(
      `this checkpoint belongs to a run with other settings: ${list.join('; ')}. Use the same settings, or start afresh`,
    );
  }
}
