import { newerFormat } from '@graftjs/formats';
import { writeFileAtomically } from '@graftjs/formats/node';
import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

  /**
   * The picture, or undefined if there is none or its file is damaged.
   * @throws DatasetError for one that a newer Graft has written: it must not be replaced
   */
  async get(key: string): Promise<Picture | undefined> {
    const known = this.#memory.get(key);
    if (known) return known;
    const folder = this.#keep ?? (await this.#temporary);
    if (folder === undefined) return undefined;
    const bytes = await readFile(fileOf(folder, key)).catch(() => undefined);
    const picture = bytes && read(folder, bytes);
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

function read(folder: string, bytes: Buffer): Picture | undefined {
  try {
    return decodeBlob(bytes);
  } catch (error) {
    throw new DatasetError(`${folder}: ${(error as Error).message}, or name another folder`, {
      cause: error,
    });
  }
}

const fileOf = (folder: string, key: string): string => join(folder, `${key}.rgb`);

const MAGIC = Buffer.from('GRPX');
const FORMAT = 2;
/** Where pixels begin: behind magic, SHA-256, format, width and height. */
const HEADER = 48;

const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

/** 'GRPX', a SHA-256 of all behind it, the format's number, width, height (little-endian 32-bit integers), the pixels. */
function encodeBlob({ width, height, data }: Picture): Buffer {
  const bytes = Buffer.concat([Buffer.alloc(HEADER), data]);
  MAGIC.copy(bytes);
  [FORMAT, width, height].forEach((value, i) => bytes.writeUInt32LE(value, 36 + 4 * i));
  sha256(bytes.subarray(36)).copy(bytes, 4);
  return bytes;
}

/** @throws FormatError for a picture of a later format; undefined for one that is damaged */
function decodeBlob(bytes: Buffer): Picture | undefined {
  if (!bytes.subarray(0, 4).equals(MAGIC)) return decodeBlob1(bytes);
  if (bytes.length < HEADER || !sha256(bytes.subarray(36)).equals(bytes.subarray(4, 36))) return undefined;
  const format = bytes.readUInt32LE(36);
  if (format > FORMAT) throw newerFormat('picture cache', format, FORMAT);
  return pictureOf(bytes.readUInt32LE(40), bytes.readUInt32LE(44), bytes.subarray(HEADER));
}

/** Format 1 had no number: width, height, SHA-256 of the pixels, the pixels. */
function decodeBlob1(bytes: Buffer): Picture | undefined {
  if (bytes.length < 40 || !sha256(bytes.subarray(40)).equals(bytes.subarray(8, 40))) return undefined;
  return pictureOf(bytes.readUInt32LE(0), bytes.readUInt32LE(4), bytes.subarray(40));
}

function pictureOf(width: number, height: number, pixels: Buffer): Picture | undefined {
  const data = new Uint8Array(pixels);
  return data.length > 0 && data.length === width * height * 3 ? { width, height, data } : undefined;
}
