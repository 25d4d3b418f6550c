import type { FeatureStore } from '@graftjs/core';
import { newerFormat } from '@graftjs/formats';
import { writeFileAtomically } from '@graftjs/formats/node';
import { readdir, readFile, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

const SUFFIX = '.features';
/** 'GRFE'. Files of format 1 begin with 'GRFT', and have no number. */
const MAGIC = 0x45465247;
const MAGIC_1 = 0x54465247;
const FORMAT = 2;
/** Most bytes that the folder keeps from one run to the next. */
const LIMIT = 2 * 2 ** 30;

/**
 * Blocks of features as files: 'GRFE', a CRC-32 of all behind it, the format's number, the number of values, the values
 * (float32; everything little-endian). A file that is damaged counts as missing. Nothing is flushed to the disk: what is
 * lost can be computed again.
 */
export class FolderFeatureStore implements FeatureStore {
  readonly #folder: string;
  readonly #mark: string;

  /** @param mark what the files' names begin with: features of backends that round differently are kept apart. */
  constructor(folder: string, mark: string = '') {
    this.#folder = folder;
    this.#mark = mark;
  }

  #path(key: string): string {
    return join(this.#folder, `${this.#mark}${key.replace(/[^\w.-]/g, '_')}${SUFFIX}`);
  }

  async read(key: string): Promise<Float32Array | null> {
    const path = this.#path(key);
    let bytes: Buffer;
    try {
      bytes = await readFile(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
    const body = bodyOf(bytes);
    if (!body) return null;
    const now = new Date();
    await utimes(path, now, now).catch(() => undefined); // used lately: pruned last
    const out = new Float32Array(body.length / 4);
    new Uint8Array(out.buffer).set(body);
    return out;
  }

  async write(key: string, values: Float32Array): Promise<void> {
    const body = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const bytes = Buffer.alloc(16 + body.length);
    bytes.writeUInt32LE(MAGIC, 0);
    bytes.writeUInt32LE(FORMAT, 8);
    bytes.writeUInt32LE(values.length, 12);
    bytes.set(body, 16);
    bytes.writeUInt32LE(crc32(bytes.subarray(8)), 4);
    const path = this.#path(key);
    await writeFileAtomically(path, bytes, { flush: false });
  }

  /** Deletes what was not used for longest, until the folder holds at most `limit` bytes. Only our own files. */
  async prune(limit: number = LIMIT): Promise<void> {
    const names = await readdir(this.#folder).catch((): string[] => []);
    const files = await Promise.all(
      names
        .filter((name) => name.endsWith(SUFFIX))
        .map(async (name) => {
          const path = join(this.#folder, name);
          const at = await stat(path).catch(() => null);
          return { path, size: at?.size ?? 0, used: at?.mtimeMs ?? 0 };
        }),
    );
    let total = files.reduce((n, f) => n + f.size, 0);
    for (const f of files.sort((a, b) => a.used - b.used)) {
      if (total <= limit) break;
      await rm(f.path, { force: true }).catch(() => undefined);
      total -= f.size;
    }
  }
}

/** The values' bytes; null for a file that is damaged. @throws FormatError for one of a later format */
function bodyOf(bytes: Buffer): Buffer | null {
  const at = (place: number): number => (bytes.length < place + 4 ? NaN : bytes.readUInt32LE(place));
  const isWhole = (body: Buffer, count: number): boolean => body.length === count * 4;
  if (at(0) === MAGIC_1) {
    const body = bytes.subarray(12);
    return isWhole(body, at(4)) && crc32(body) === at(8) ? body : null;
  }
  if (at(0) !== MAGIC || crc32(bytes.subarray(8)) !== at(4)) return null;
  if (at(8) > FORMAT) throw newerFormat('feature cache', at(8), FORMAT);
  const body = bytes.subarray(16);
  return at(8) === FORMAT && isWhole(body, at(12)) ? body : null;
}
