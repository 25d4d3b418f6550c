/*
 * `@graftjs/core/backend`: all that an author of a backend needs. The contract (`backend.ts`: what a backend is; `primitives.ts`:
 * what each primitive computes), the errors that backends throw, and what kernels of any backend work out from shapes
 * before they touch a number. docs/adding-a-backend.md leads through it. (Nothing but `*`, for the reason that index.ts gives.)
 */

// The contract.
export type * from './backend.ts';
export type * from './primitives.ts';
export * from './types.ts';
export * from './backend-kit/contract.ts';

// `KernelError` for what a kernel finds, `StateError` after `dispose`, `UnsupportedError` where the host lacks something, …
export * from './errors.ts';

// Elementary functions in float32, whose bits the contract wants.
export * from './math/index.ts';

// Numbers from outside, and the arrays that hold them.
export * from './backend-kit/convert.ts';

// Shapes: windows and activations in numbers, walks over strided arrays, where sums take their terms from.
export * from './backend-kit/average.ts';
export * from './backend-kit/conv-grid.ts';
export * from './backend-kit/correlation.ts';
export * from './backend-kit/empty-inputs.ts';
export * from './backend-kit/geometry.ts';
export * from './backend-kit/reduce-plan.ts';
export * from './backend-kit/vector-walk.ts';
export * from './backend-kit/walk.ts';

// What is made once and kept; what fails later than it was asked for.
export * from './backend-kit/deferred-failures.ts';
export * from './lru-cache.ts';
