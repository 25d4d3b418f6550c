import { showShape, type TensorSpec } from './types.ts';

/** Base of every error that Graft throws on purpose; the message says what is wrong and what to do. */
export class GraftError extends Error {
  override name = 'GraftError';
}

/** Shapes, data types or attributes do not fit an operation. Thrown by `infer`, before any arithmetic. */
export class ShapeError extends GraftError {
  override name = 'ShapeError';
}

/** A name (layer, parameter, class, option) that does not exist; the message lists the nearest ones. */
export class NameError extends GraftError {
  override name = 'NameError';
}

/** A tensor, backend or model used after it was disposed, or mixed with another backend's. */
export class StateError extends GraftError {
  override name = 'StateError';
}

/** A backend cannot do what was asked, and says so instead of doing something else. */
export class UnsupportedError extends GraftError {
  override name = 'UnsupportedError';
}

/** A backend has no room left; says what was asked for and what is in use. */
export class OutOfMemoryError extends GraftError {
  override name = 'OutOfMemoryError';
}

/** A kernel failed while it ran. Asynchronous backends raise it at `data()` or `flush()`. */
export class KernelError extends GraftError {
  override name = 'KernelError';
  constructor(
    readonly op: string,
    readonly inputs: readonly TensorSpec[],
    cause: unknown,
  ) {
    const specs = inputs.map((s) => `${s.dtype}${showShape(s.shape)}`).join(', ');
    super(`${op}(${specs}) failed: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/** A file that is not what it claims to be. The message says what is wrong, where, and what to do about it. */
export class FormatError extends GraftError {
  override name = 'FormatError';
  constructor(
    message: string,
    /** Position in the file, in bytes, of what is wrong; undefined where there is no such place. */
    readonly offset?: number,
    hint?: string,
  ) {
    super(`${message}${offset === undefined ? '' : ` (at byte ${offset})`}${hint ? `: ${hint}` : ''}`);
  }
}

/** A checkpoint that a run cannot go on from: it is damaged, of another format, or another run's. */
export class CheckpointError extends GraftError {
  override name = 'CheckpointError';
}
