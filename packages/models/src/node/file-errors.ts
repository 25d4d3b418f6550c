import { GraftError } from '@graftjs/core';

const EXPLAINED: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or folder',
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EISDIR: 'it is a folder',
  ENOTDIR: 'part of the path is not a folder',
  ENOSPC: 'no space left on the disk',
  EDQUOT: 'the disk quota is used up',
  EROFS: 'the disk is read-only',
  EMFILE: 'too many open files',
};

/** A system error as one line for people: what was tried, on which path, why it failed. Others are passed on. */
export function fileError(action: string, path: string, cause: unknown): Error {
  if (cause instanceof GraftError) return cause;
  const code = (cause as { code?: unknown } | null)?.code;
  const why = typeof code === 'string' ? (EXPLAINED[code] ?? code) : String(cause);
  return Object.assign(new GraftError(`cannot ${action} ${path}: ${why}`), { cause });
}
