/*
 * What kernels of any backend need to know about shapes before they touch a number: windows and activations in
 * numbers, where the sums of a convolution take their terms from, walks over strided arrays, numbers from outside. For
 * authors of backends; `@graftjs/core/planning`.
 */
export * from './planning/conv-grid.ts';
export * from './planning/convert.ts';
export * from './planning/geometry.ts';
export * from './planning/walk.ts';
