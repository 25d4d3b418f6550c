export * from './float32.ts';
