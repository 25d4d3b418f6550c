export { createWasmBackend, type WasmBackendOptions } from './backend.ts';
export type { WasmBuffer } from './memory.ts';
