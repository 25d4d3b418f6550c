import type { Backend } from './backend.ts';
import { twoCopies } from './copies.ts';
import { StateError } from './errors.ts';

let current: Backend | null = null;

/**
 * Sugar: where `tensor()` and the layers put their data when no backend is named. Null takes it back.
 * @example
 * import { createCpuBackend } from '@graftjs/backend-cpu';
 * setDefaultBackend(await createCpuBackend());
 * tensor([1]).backend.name; // → 'cpu'
 */
export function setDefaultBackend(backend: Backend | null): void {
  current = backend;
}

/**
 * The backend that `setDefaultBackend` was given last.
 * @throws StateError where there is none.
 */
export function getDefaultBackend(): Backend {
  if (!current) {
    const why = twoCopies(); // the other one may have it
    throw new StateError(
      `no default backend: ${why ?? "import { createCpuBackend } from '@graftjs/backend-cpu'; setDefaultBackend(await createCpuBackend())"}`,
    );
  }
  return current;
}
