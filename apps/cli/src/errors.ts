import { GraftError } from '@graftjs/core';
import { fileReason } from '@graftjs/formats/node';
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
