import { readFile, rm } from 'node:fs/promises';
import {
  GraftError,
  type Checkpoint,
  type CheckpointStore,
  type DType,
  type SavedTensor,
  type TypedArray,
} from '@graftjs/core';
import {
  readSafetensors,
  writeSafetensors,
  type SafetensorsDtype,
  type SafetensorsTensor,
} from '@graftjs/formats';
import { fileError } from './errors.ts';
import { writeAtomic } from './files.ts';

const FORMAT = 'graft-checkpoint/1';
const STORED: Record<DType, SafetensorsDtype> = { float32: 'F32', int32: 'I32', bool: 'BOOL' };

export interface CheckpointFileOptions {
  /** What must be the same in a run that goes on: names as the user knows them, values as JSON. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Least time between two saves. What was done since the last one is done again on resuming, with the same bits. */
  readonly seconds: number;
  /** Save whatever the time: somebody wants to stop. */
  readonly urgent: () => boolean;
}

/** The checkpoint of a run as one safetensors file, replaced as a whole. */
export class CheckpointFile implements CheckpointStore {
  readonly path: string;
  readonly #options: CheckpointFileOptions;
  #savedAt = performance.now();
  /** How many times it was written. */
  saves = 0;

  constructor(path: string, options: CheckpointFileOptions) {
    this.path = path;
    this.#options = options;
  }

  async save(checkpoint: Checkpoint): Promise<void> {
    const { seconds, urgent, settings } = this.#options;
    if (performance.now() - this.#savedAt < seconds * 1000 && !urgent()) return;
    const tensors = new Map(
      [...checkpoint.tensors].map(([name, t]) => [
        name,
        { dtype: STORED[t.dtype], shape: t.shape, data: t.data },
      ]),
    );
    const metadata = { format: FORMAT, settings: JSON.stringify(settings), state: checkpoint.meta };
    await writeAtomic(this.path, writeSafetensors(tensors, metadata));
    this.saves++;
    this.#savedAt = performance.now();
  }

  /** @throws GraftError if the file is damaged or belongs to another run */
  async load(): Promise<Checkpoint | null> {
    let bytes: Uint8Array;
    try {
      bytes = await readFile(this.path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw fileError(this.path, error);
    }
    const file = ((): ReturnType<typeof readSafetensors> => {
      try {
        return readSafetensors(bytes);
      } catch (error) {
        throw this.#useless(error instanceof Error ? error.message : String(error), error);
      }
    })();
    const { format, settings, state } = file.metadata;
    if (format !== FORMAT || settings === undefined || state === undefined) {
      throw this.#useless(`its format is ${JSON.stringify(format ?? 'unknown')}, not ${FORMAT}`);
    }
    this.#compare(JSON.parse(settings) as Record<string, unknown>);
    return { meta: state, tensors: new Map([...file.tensors].map(([name, t]) => [name, restore(t)])) };
  }

  async remove(): Promise<void> {
    await rm(this.path, { force: true });
  }

  #useless(why: string, cause?: unknown): GraftError {
    return new GraftError(`the checkpoint ${this.path} cannot be used: ${why}. Start afresh with --force`, {
      cause,
    });
  }

  #compare(saved: Record<string, unknown>): void {
    const now = JSON.parse(JSON.stringify(this.#options.settings)) as Record<string, unknown>;
    const show = (v: unknown): string => (typeof v === 'string' ? v : JSON.stringify(v ?? null));
    const different = [...new Set([...Object.keys(now), ...Object.keys(saved)])]
      .filter((k) => JSON.stringify(now[k]) !== JSON.stringify(saved[k]))
      .map((k) => `${k} was ${show(saved[k])}, is ${show(now[k])}`);
    if (different.length === 0) return;
    throw new GraftError(
      `the checkpoint ${this.path} belongs to another run: ${different.join('; ')}. Use the same settings, or start afresh with --force instead of --resume`,
    );
  }
}

function restore(t: SafetensorsTensor): SavedTensor {
  const dtype = t.dtype === 'I32' ? 'int32' : t.dtype === 'BOOL' ? 'bool' : 'float32';
  return { dtype, shape: t.shape, data: t.data as TypedArray };
}
