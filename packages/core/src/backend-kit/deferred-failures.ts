import { KernelError } from '../errors.ts';
import type { TensorSpec } from '../types.ts';

/**
 * Failures of work that was enqueued: `run` has returned long before. Whoever reads a tensor that depends on it gets the
 * error (the backend keeps it with the buffer); `flush` rejects with the first since the last flush, which is kept here.
 */
export class DeferredFailures {
  #first: KernelError | null = null;

  add(failure: KernelError): void {
    this.#first ??= failure;
  }

  /** For the end of `flush`. @throws KernelError the first failure since this was called last */
  throwFirst(): void {
    const failure = this.#first;
    this.#first = null;
    if (failure) throw failure;
  }
}

/**
 * The KernelError of work that failed later, with the stack of where it was enqueued.
 * @param where An error that was made then: only its frames are taken, and they become text when they are asked for.
 */
export function deferredKernelError(
  op: string,
  specs: readonly TensorSpec[],
  cause: unknown,
  where: Error,
): KernelError {
  const failure = cause instanceof KernelError ? cause : new KernelError(op, specs, cause);
  const { stack = '' } = where;
  failure.stack = `${failure.name}: ${failure.message}\n${stack.slice(stack.indexOf('\n') + 1)}`;
  return failure;
}
