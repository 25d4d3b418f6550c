import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeFileAtomically } from '@graftjs/formats/node';
import { DatasetError } from '../errors.ts';
import type { Picture } from '../picture.ts';
import { fileProblem } from './decode.ts';

/**
 * Small pictures by key, in memory up to a limit, then on disk. With a folder of its own everything is written there too,
 * and found again by the next run; otherwise what does not fit in memory goes to a temporary folder, which `clear` and the
 * end of the process remove.
 */
export class PictureCache {
  readonly #memory = new Map<string, Picture>();
  readonly #limit: number;
  readonly #keep: string | undefined;
  #bytes = 0;
  #temporary: Promise<string> | undefined;
  #removeAtExit: (() => void) | undefined;

  constructor(limitBytes: number, folder?: string) {
    this.#limit = limitBytes;
    this.#keep = folder;
  }

  /** The picture, or undefined if there is none or its file is damaged. */
  async get(key: string): Promise<Picture | undefined> {
    const known = this.#memory.get(key);
    if (known) return known;
    const folder = this.#keep ?? (await this.#temporary);
    if (folder === undefined) return undefined;
    const bytes = await readFile(fileOf(folder, key)).catch(() => undefined);
    const picture = bytes && decodeBlob(bytes);
    if (picture) this.#remember(key, picture);
    return picture;
  }

  /** @throws DatasetError if the disk is full or the folder cannot be written to */
  async put(key: string, picture: Picture): Promise<void> {
    const remembered = this.#remember(key, picture);
    if (remembered && this.#keep === undefined) return;
    const folder = this.#keep ?? (await this.#temporaryFolder());
    try {
      await writeFileAtomically(fileOf(folder, key), encodeBlob(picture), { flush: false });
    } catch (error) {
      throw cannotWrite(folder, error);
    }
  }

  /** Forgets everything and removes the temporary folder; a folder given to the constructor stays. */
  async clear(): Promise<void> {
    this.#memory.clear();
    this.#bytes = 0;
    const folder = await this.#temporary;
    this.#temporary = undefined;
    if (this.#removeAtExit) process.off('exit', this.#removeAtExit);
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }

  #remember(key: string, picture: Picture): boolean {
    if (this.#memory.has(key)) return true;
    if (this.#bytes + picture.data.length > this.#limit) return false;
    this.#memory.set(key, picture);
    this.#bytes += picture.data.length;
    return true;
  }

  #temporaryFolder(): Promise<string> {
    this.#temporary ??= mkdtemp(join(tmpdir(), 'graft-pictures-')).then(
      (folder) => {
        this.#removeAtExit = () => rmSync(folder, { recursive: true, force: true });
        process.once('exit', this.#removeAtExit);
        return folder;
      },
      (error: unknown) => {
        throw cannotWrite(tmpdir(), error);
      },
    );
    return this.#temporary;
  }
}

function cannotWrite(folder: string, error: unknown): DatasetError {
  const cause = (error as Error).cause ?? error;
  const full = (cause as NodeJS.ErrnoException).code === 'ENOSPC';
  const problem = full ? 'the disk is full' : fileProblem(cause);
  return new DatasetError(`${folder}: the pictures' cache cannot be written: ${problem}`, { cause: error });
}

const fileOf = (folder: string, key: string): string => join(folder, `${key}.rgb`);

const HEADER = 40;

/** Width and height (two little-endian 32-bit integers), SHA-256 of the pixels, the pixels. */
function encodeBlob({ width, height, data }: Picture): Buffer {
  const header = Buffer.alloc(HEADER);
  header.writeUInt32LE(width, 0);
  header.writeUInt32LE(height, 4);
  createHash('sha256').update(data).digest().copy(header, 8);
  return Buffer.concat([header, data]);
}

function decodeBlob(bytes: Buffer): Picture | undefined {
  if (bytes.length <= HEADER) return undefined;
  const width = bytes.readUInt32LE(0);
  const height = bytes.readUInt32LE(4);
  const data = new Uint8Array(bytes.subarray(HEADER));
  if (data.length !== width * height * 3) return undefined;
  const intact = createHash('sha256').update(data).digest().equals(bytes.subarray(8, HEADER));
  return intact ? { width, height, data } : undefined;
}
