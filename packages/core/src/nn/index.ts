export * from './module.ts';
export * from './random-context.ts';
