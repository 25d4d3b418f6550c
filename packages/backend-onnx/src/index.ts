export { createOnnxBackend, type OnnxBackend, type OnnxBackendOptions } from './backend.ts';
export type { OnnxBuffer } from './buffer.ts';
