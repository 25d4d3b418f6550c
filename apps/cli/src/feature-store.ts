import { readdir, readFile, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { FeatureStore } from '@graftjs/core';
import { writeFileAtomically } from '@graftjs/formats/node';

const SUFFIX = '.features';
const MAGIC = 0x54465247; // 'GRFT'
const HEADER = 12;
/** Most bytes that the folder keeps from one run to the next. */
const LIMIT = 2 * 2 ** 30;

/**
 * Blocks of features as files: 'GRFT', the number of values, a CRC-32, the values (float32, little-endian). A file that
 * is damaged counts as missing. Nothing is flushed to the disk: what is lost can be computed again.
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
    if (bytes.length < HEADER || bytes.readUInt32LE(0) !== MAGIC) return null;
    const count = bytes.readUInt32LE(4);
    const body = bytes.subarray(HEADER);
    if (body.length !== count * 4 || crc32(body) !== bytes.readUInt32LE(8)) return null;
    const now = new Date();
    await utimes(path, now, now).catch(() => undefined); // used lately: pruned last
    const out = new Float32Array(count);
    new Uint8Array(out.buffer).set(body);
    return out;
  }

  async write(key: string, values: Float32Array): Promise<void> {
    const body = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const bytes = Buffer.alloc(HEADER + body.length);
    bytes.writeUInt32LE(MAGIC, 0);
    bytes.writeUInt32LE(values.length, 4);
    bytes.writeUInt32LE(crc32(body), 8);
    bytes.set(body, HEADER);
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
