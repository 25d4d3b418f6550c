import {
  CheckpointError,
  GraftError,
  type Checkpoint,
  type CheckpointStore,
  type DType,
  type TypedArray,
} from '@graftjs/core';
import { newerFormat, readSafetensors, writeSafetensors, type SafetensorsDtype } from '@graftjs/formats';
import { fileError } from '@graftjs/formats/node';
import { createHash } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { describeError } from './errors.ts';
import { writeAtomic } from './files.ts';

/** 1 had no checksum, and all weights. */
const FORMAT_NUMBER = 2;
const FORMAT = `graft-checkpoint/${FORMAT_NUMBER}`;
const STORED: Record<DType, SafetensorsDtype> = { float32: 'F32', int32: 'I32', bool: 'BOOL' };

/** A checkpoint, and the options of the run that it belongs to. */
export interface CheckpointContent {
  readonly settings: Readonly<Record<string, unknown>>;
  readonly checkpoint: Checkpoint;
}

const KEY = '"sha256":"';
const NO_SUM = '0'.repeat(64);

/** Where the checksum's digits are: in the header, whose strings have no quotation mark that is not escaped. */
function placeOfSum(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const header = Buffer.from(bytes.buffer, bytes.byteOffset + 8, view.getUint32(0, true));
  return 8 + header.indexOf(KEY) + KEY.length;
}

/** SHA-256 of the file with zeros for the checksum's own digits. */
function sumOf(bytes: Uint8Array, place: number): string {
  return createHash('sha256')
    .update(bytes.subarray(0, place))
    .update(NO_SUM)
    .update(bytes.subarray(place + NO_SUM.length))
    .digest('hex');
}

/** A safetensors file whose metadata has the format, the run's options, what `fit` says, and a SHA-256 of all of it. */
export function writeCheckpoint({ settings, checkpoint }: CheckpointContent): Uint8Array {
  const tensors = [...checkpoint.tensors].map(
    ([name, t]) => [name, { dtype: STORED[t.dtype], shape: t.shape, data: t.data }] as const,
  );
  const state = { settings: JSON.stringify(settings), state: checkpoint.meta };
  const bytes = writeSafetensors(new Map(tensors), { format: FORMAT, sha256: NO_SUM, ...state });
  const place = placeOfSum(bytes);
  bytes.set(Buffer.from(sumOf(bytes, place), 'latin1'), place);
  return bytes;
}

/**
 * The opposite of `writeCheckpoint`: looks at nothing but the bytes.
 * @throws CheckpointError where a single bit of them is not as it was written, and for another format
 */
export function readCheckpoint(bytes: Uint8Array): CheckpointContent {
  const damaged = (what: string, cause?: unknown): never => {
    throw Object.assign(new CheckpointError(`it is damaged: ${what}`), { cause });
  };
  const file = ((): ReturnType<typeof readSafetensors> => {
    try {
      return readSafetensors(bytes);
    } catch (error) {
      return damaged(error instanceof GraftError ? error.message : String(error), error);
    }
  })();
  const { format, sha256, settings, state } = file.metadata;
  if (format !== FORMAT) {
    const newer = Number(/^graft-checkpoint\/(\d{1,9})$/.exec(format ?? '')?.[1]);
    if (newer > FORMAT_NUMBER)
      throw new CheckpointError(
        newerFormat('checkpoint', newer, FORMAT_NUMBER, file.metadata['needs']).message,
      );
    const by = /^graft-checkpoint\/[01]$/.test(format ?? '') ? ', by an earlier version of Graft' : '';
    throw new CheckpointError(
      `it is written in another format (${JSON.stringify(format ?? 'unknown')}, not ${FORMAT})${by}`,
    );
  }
  if (sha256?.length !== NO_SUM.length || sha256 !== sumOf(bytes, placeOfSum(bytes)))
    return damaged('its checksum is not that of its contents');
  if (settings === undefined || state === undefined) return damaged('its metadata is not complete');
  let options: unknown;
  try {
    options = JSON.parse(settings);
  } catch (error) {
    return damaged('its options are no JSON', error);
  }
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    return damaged('its options are not an object');
  const dtypes = new Map(Object.entries(STORED).map(([dtype, stored]) => [stored, dtype as DType]));
  const tensors = [...file.tensors].map(([name, t]) => {
    const dtype = dtypes.get(t.dtype) ?? damaged(`'${name}' is ${t.dtype}`);
    return [name, { dtype, shape: t.shape, data: t.data as TypedArray }] as const;
  });
  return {
    settings: options as Record<string, unknown>,
    checkpoint: { meta: state, tensors: new Map(tensors) },
  };
}

export interface CheckpointFileOptions {
  /** What must be the same in a run that goes on: names as the user knows them, values as JSON. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Least time between two saves. What was done since the last one is done again on resuming, with the same bits. */
  readonly seconds: number;
  /** Told once where the file cannot be written: the training itself goes on. */
  readonly onWarning?: (message: string) => void;
}

/** The checkpoint of a run as one file, replaced as a whole. */
export class CheckpointFile implements CheckpointStore {
  readonly path: string;
  readonly #options: CheckpointFileOptions;
  #savedAt = performance.now();
  #warned = false;
  /** How many times it was written. */
  saves = 0;

  constructor(path: string, options: CheckpointFileOptions) {
    this.path = path;
    this.#options = options;
  }

  due(): boolean {
    return performance.now() - this.#savedAt >= this.#options.seconds * 1000;
  }

  /** A disk that is full, say, takes nothing from the run but the chance to be resumed. */
  async save(checkpoint: Checkpoint): Promise<void> {
    const { settings, onWarning } = this.#options;
    try {
      await writeAtomic(this.path, writeCheckpoint({ settings, checkpoint }));
      this.saves++;
    } catch (error) {
      if (!this.#warned)
        onWarning?.(`no checkpoint: ${describeError(error)}; the training goes on, but cannot be resumed`);
      this.#warned = true;
    }
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
    try {
      const { settings, checkpoint } = readCheckpoint(bytes);
      this.#compare(settings);
      return checkpoint;
    } catch (error) {
      throw this.explain(error);
    }
  }

  async remove(): Promise<void> {
    await rm(this.path, { force: true });
  }

  /** What `fit` says of a checkpoint that it cannot go on from, with the file's name and what to do. */
  explain(error: unknown): unknown {
    if (!(error instanceof CheckpointError)) return error;
    return new GraftError(
      `the checkpoint ${this.path} cannot be used: ${error.message}. Start afresh with --force instead of --resume`,
      { cause: error },
    );
  }

  #compare(saved: Readonly<Record<string, unknown>>): void {
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
