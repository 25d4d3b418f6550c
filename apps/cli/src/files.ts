import { GraftError } from '@graftjs/core';
import { createEmptyFile, fileError, writeFileAtomically, type FileContent } from '@graftjs/formats/node';
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { access, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Is there anything of that name? */
export async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    return false;
  }
}

/** Is there a folder of that name? */
export async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isDirectory() ?? false;
}

/** The temporary name is always the same, so that what a killed run leaves is replaced by the next one. */
function temporary(path: string): string {
  return join(dirname(path), `.${basename(path)}.tmp`);
}

/** Writes a file whole or not at all: a crash leaves the old one or the new one. */
export async function writeAtomic(path: string, content: FileContent): Promise<void> {
  await writeFileAtomically(path, content, { temporary: temporary(path) });
}

/** The same, and what was written: its bytes and their SHA-256. */
export async function writeHashed(
  path: string,
  parts: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const part of parts) {
      hash.update(part);
      bytes += part.length;
      yield part;
    }
  }
  await writeAtomic(path, counted());
  return { bytes, sha256: hash.digest('hex') };
}

/**
 * Can a file be put here? Found out before hours of training, not after.
 * @param option What the file was given as.
 * @throws GraftError that says why not
 */
export async function checkWritable(path: string, option = '--out'): Promise<void> {
  const folder = dirname(path);
  const at = await stat(folder).catch((error: unknown) => {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT')
      throw new GraftError(`the folder ${folder} for ${option} does not exist; create it first`);
    throw fileError(folder, error);
  });
  if (!at.isDirectory())
    throw new GraftError(`${folder} is a file, so ${path} cannot be written; choose another ${option}`);
  const target = await stat(path).catch(() => null);
  if (target?.isDirectory()) {
    throw new GraftError(
      `${path} is a folder; ${option} wants a file, such as ${join(path, 'model.safetensors')}`,
    );
  }
  const temp = temporary(path);
  try {
    await access(folder, constants.W_OK);
    await createEmptyFile(temp);
  } catch (error) {
    throw fileError(path, error);
  } finally {
    await rm(temp, { force: true }).catch(() => undefined);
  }
}

/** `photos/cats.safetensors` → `photos/cats` + suffix. */
export function beside(path: string, suffix: string): string {
  return path.replace(/\.safetensors$/i, '') + suffix;
}
