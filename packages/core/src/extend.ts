/*
 * The door for authors of operations, layers, model readers and compilers: what the packages of Graft are made with.
 * `@graftjs/core/extend`. (Nothing but `*`, for the reason that index.ts gives.)
 */
export * from './compile/extend.ts';
export * from './error-messages.ts';
export * from './extensions.ts';
export * from './functional/resample.ts';
export * from './nn/init-parameter.ts';
export * from './ops/lift.ts';
