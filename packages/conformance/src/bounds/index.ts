export { createErrorBoundBackend, type ErrorBoundBackend } from './backend.ts';
export type { Bounded } from './bounded.ts';
export type { ErrorModel } from './model.ts';
export { contractModel, oracleModel } from './models.ts';
