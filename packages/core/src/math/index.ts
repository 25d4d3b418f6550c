/** As a namespace, for `exp`, `log` and the others are tensor ops in core's own index. */
export * as float32 from './float32.ts';
export * from './half.ts';
