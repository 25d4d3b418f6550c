export { createTfjsBackend, type TfjsBackendOptions } from './backend.ts';
