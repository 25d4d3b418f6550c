import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { GraftError } from '@graftjs/core';

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'cannot be reached: a part of the path is a file, not a folder',
  EEXIST: 'cannot be reached: a part of the path is a file, not a folder', // of mkdir
  EISDIR: 'is a folder, not a file',
  EACCES: 'may not be read or written: check its permissions',
  EPERM: 'may not be read or written: check its permissions',
  EROFS: 'cannot be written: the file system is read-only',
  ENOSPC: 'cannot be written: the disk is full. Free some space',
  EDQUOT: 'cannot be written: your disk quota is used up',
  EMFILE: 'cannot be opened: too many files are open',
  ENAMETOOLONG: 'cannot be used: the name is too long',
  ELOOP: 'cannot be followed: the links go round in a circle',
  ERR_FS_FILE_TOO_LARGE: 'is larger than 2 GB, which is more than is read here',
  EIO: 'cannot be read: the disk reports an error',
};

/** Why a file could not be used, in words: 'does not exist'. Undefined for other errors than the system's. */
export function fileReason(error: unknown): string | undefined {
  const { code, syscall } = error instanceof Error ? (error as NodeJS.ErrnoException) : {};
  if (typeof code !== 'string') return undefined;
  if (Object.hasOwn(REASONS, code)) return REASONS[code];
  return syscall === undefined ? undefined : `cannot be used: the system says ${code}`;
}

/**
 * What the system says of a file or folder as one line for people: the path, and the reason in words. Other errors pass as
 * they are.
 */
export function fileError(path: string, error: unknown): unknown {
  const reason = fileReason(error);
  return reason === undefined ? error : new GraftError(`${path} ${reason}`, { cause: error });
}

/** A file's bytes. @throws GraftError in one line */
export async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw fileError(path, error);
  }
}

/** Enough of a file to tell what it is; nothing of what is none, or cannot be read: whoever reads it says why not. */
export async function readBeginning(path: string): Promise<Uint8Array> {
  try {
    if (!(await stat(path)).isFile()) return new Uint8Array(0);
    const file = await open(path);
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(4096), 0, 4096, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch {
    return new Uint8Array(0);
  }
}

export interface WriteOptions {
  /**
   * The temporary name. Default: one that no other writer has, so that two who write the same file leave one of both, whole.
   * Who is alone in writing a file can give a name that is always the same: what a killed run leaves, the next one replaces.
   */
  readonly temporary?: string;
  /** Waits until the disk has it. False for what can be made again, such as a cache's files. Default true. */
  readonly flush?: boolean;
}

/** A text, bytes, or bytes part by part. */
export type FileContent = string | Uint8Array | AsyncIterable<Uint8Array>;

/**
 * Writes a file so that its path holds either the old contents or all of the new ones, at any moment and after a crash: to a
 * temporary name in the same folder, never through a link that has it; flushed to the disk; then renamed. Makes the folder.
 * Nothing is left behind on failure.
 * @throws GraftError in one line: no space, no permission, no such folder
 * @example
 * await writeFileAtomically('settings.json', JSON.stringify({ size: 224 }));
 */
export async function writeFileAtomically(
  path: string,
  content: FileContent,
  options: WriteOptions = {},
): Promise<void> {
  const target = resolve(path);
  const { flush = true, temporary = temporaryName(target) } = options;
  try {
    await mkdir(dirname(target), { recursive: true });
    try {
      const file = await createFile(temporary);
      try {
        const parts = typeof content === 'string' || content instanceof Uint8Array ? [content] : content;
        for await (const part of parts) await file.writeFile(part); // from where the last one ended
        if (flush) await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, target);
      if (flush) await syncFolder(dirname(target));
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      throw error;
    }
  } catch (error) {
    throw fileError(path, error);
  }
}

function temporaryName(target: string): string {
  const mark = `${process.pid}.${randomBytes(4).toString('hex')}`;
  return join(dirname(target), `.${basename(target)}.${mark}.tmp`);
}

/** Makes an empty file, to see whether there can be one. @throws the system's error */
export async function createEmptyFile(path: string): Promise<void> {
  await (await createFile(path)).close();
}

/** A new file, never one that a link leads to. */
async function createFile(path: string): Promise<FileHandle> {
  await rm(path, { force: true });
  return open(path, 'wx');
}

/** Makes a rename last through a power cut. Some systems cannot open folders, and need not. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => null);
  await folder?.sync().catch(() => {});
  await folder?.close();
}

/**
 * The folder for what can be made or had again: `$GRAFT_CACHE`, else `graft` in `$XDG_CACHE_HOME`, else `~/.cache/graft`. As the
 * XDG base directory specification has it, a variable that is empty counts as not set, and so does a relative
 * `XDG_CACHE_HOME`.
 */
export function cacheFolder(env: Readonly<Record<string, string | undefined>> = process.env): string {
  const { GRAFT_CACHE, XDG_CACHE_HOME } = env;
  if (GRAFT_CACHE) return GRAFT_CACHE;
  const base = XDG_CACHE_HOME && isAbsolute(XDG_CACHE_HOME) ? XDG_CACHE_HOME : join(homedir(), '.cache');
  return join(base, 'graft');
}
