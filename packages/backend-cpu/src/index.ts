export { createCpuBackend, type CpuBackendOptions } from './backend.ts';
export type { CpuBuffer } from './memory.ts';
