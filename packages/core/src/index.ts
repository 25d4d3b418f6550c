/*
 * The door for users: what somebody who knows PyTorch or Keras looks for by name, to build, train, graft and run networks:
 * tensors and operations on them, gradients, layers, losses, optimizers, schedules, data, training, metrics, and the types of
 * their arguments and results. `@graftjs/core/backend` is for authors of backends, `@graftjs/core/extend` for authors of
 * operations, layers and readers of files. What each door shows is frozen by a test (docs/adr/0012).
 *
 * Nothing but `*`: in esbuild's bundles, one name taken from a list here would bring along the modules of all others, the
 * compiler among them, which pages load on demand. Modules that have more in them than users need are in `users.ts`.
 */
export * from './autograd.ts';
export * from './compile/index.ts';
export * from './default-backend.ts';
export * from './errors.ts';
export * from './functional/activation.ts';
export * from './functional/division.ts';
export * from './functional/dropout.ts';
export * from './functional/einsum.ts';
export * from './functional/grid-sample.ts';
export * from './functional/indexing.ts';
export * from './functional/loss.ts';
export * from './functional/norm.ts';
export * from './functional/padding.ts';
export * from './functional/pool.ts';
export * from './functional/resize.ts';
export * from './functional/scan.ts';
export * from './functional/trigonometry.ts';
export * from './metrics.ts';
export * from './nn/activation.ts';
export * from './nn/conv.ts';
export * from './nn/init.ts';
export * from './nn/layers.ts';
export * from './nn/norm.ts';
export * from './nn/pool.ts';
export * from './nn/sequential.ts';
export * from './ops/create.ts';
export * from './optim/clip.ts';
export * from './optim/rules.ts';
export * from './optim/schedules.ts';
export * from './rng/random.ts';
export * from './tensor.ts';
export * from './train/extract.ts';
export * from './train/fit.ts';
export * from './train/grad-cam.ts';
export * from './train/history.ts';
export * from './train/options.ts';
export * from './train/recipes.ts';
export * from './users.ts';
