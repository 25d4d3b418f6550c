import { GraftError } from '@graftjs/core';
import { oneLine } from './io.ts';

/** The command line itself is wrong: exit code 2. */
export class UsageError extends GraftError {
  override name = 'UsageError';
}

/** A signal, after everything worth keeping was kept. */
export class InterruptedError extends GraftError {
  override name = 'InterruptedError';
  constructor(
    message: string,
    /** 128 and the signal's number. Default: Ctrl-C's. */
    readonly exitCode = 130,
  ) {
    super(message);
  }
}

const REASONS: Record<string, string> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'cannot be reached: a part of the path is a file, not a folder',
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

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).code === 'string';
}

/** Why a file could not be used, in words: 'does not exist'. Undefined for other errors. */
export function fileReason(error: unknown): string | undefined {
  return isSystemError(error) ? REASONS[error.code ?? ''] : undefined;
}

/** A file or folder could not be used; the reason in words. Other errors pass as they are. */
export function fileError(path: string, error: unknown): unknown {
  const reason = fileReason(error);
  return reason === undefined ? error : new GraftError(`${path} ${reason}`, { cause: error });
}

/** One line that says what is wrong. */
export function describeError(error: unknown): string {
  if (error instanceof GraftError) return oneLine(error.message);
  const reason = fileReason(error);
  if (reason !== undefined) {
    const { path, syscall } = error as NodeJS.ErrnoException;
    return oneLine(
      path === undefined ? `a file ${reason} (${syscall ?? 'system call'})` : `${path} ${reason}`,
    );
  }
  const message = error instanceof Error ? error.message : String(error);
  return oneLine(`unexpected error: ${message}. Set GRAFT_DEBUG=1 to see where it comes from`);
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return 2;
  return error instanceof InterruptedError ? error.exitCode : 1;
}
