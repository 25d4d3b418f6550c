export { createWebglBackend, type WebglBackend, type WebglBackendOptions } from './backend.ts';
export type { Mode } from './context.ts';
export type { Rounding } from './rounding.ts';
