export * from './checkpoint.ts';
export * from './evaluate.ts';
export * from './extract.ts';
export * from './feature-cache.ts';
export * from './fit.ts';
export * from './options.ts';
export * from './receptive-field.ts';
export * from './transfer.ts';
