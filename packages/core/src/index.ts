// Nothing but `*`: in esbuild's bundles, one name taken from a list here would bring along the modules of all others, the
// compiler among them, which pages load on demand.
export * from './compile/index.ts';
export * from './exports.ts';
export * from './autograd.ts';
export * from './backend.ts';
export * from './default-backend.ts';
export * from './errors.ts';
export * from './math/index.ts';
export * from './data.ts';
export * from './functional/index.ts';
export * from './metrics.ts';
export * from './nn/index.ts';
export * from './ops/index.ts';
export * from './optim/index.ts';
export * from './preprocess.ts';
export * from './primitives.ts';
export * from './rng/index.ts';
export * from './tensor.ts';
export * from './types.ts';
export * from './train/index.ts';
