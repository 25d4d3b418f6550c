import type { Backend } from './backend.ts';
import { StateError } from './errors.ts';

let current: Backend | null = null;

/** Sugar: where `tensor()` and the layers put their data when no backend is named. */
export function setDefaultBackend(backend: Backend | null): void {
  current = backend;
}

export function getDefaultBackend(): Backend {
  if (!current) {
    throw new StateError(
      "no default backend: import { createCpuBackend } from '@graftjs/backend-cpu'; setDefaultBackend(await createCpuBackend())",
    );
  }
  return current;
}
