import type { Backend } from './backend.ts';
import { mark, refuseForeign } from './copies.ts';
import { GraftError, StateError, UnsupportedError } from './errors.ts';
import { inspectedAs, tensorText } from './inspect.ts';
import { ledgerOf, unregister, unwatch, type Managed, type Storage } from './ledger.ts';
import { isPressed, relieve } from './lost.ts';
import { register, runScope } from './memory.ts';
import { ops } from './ops/bound.ts';
import { format } from './print.ts';
import {
  bytesOf,
  showShape,
  sizeOf,
  type DType,
  type Shape,
  type TensorSpec,
  type TypedArray,
} from './types.ts';

let nextId = 1;

/** A number stands for a scalar of the other operand's dtype. */
export type TensorLike = Tensor | number;

/**
 * An immutable, dense, row-major array on one backend. Made by `tensor`, `zeros`, … and by ops; freed by `dispose()`,
 * by the `scope()` it was made in, or by `using`.
 */
export class Tensor implements TensorSpec {
  readonly id: number = nextId++;
  readonly dtype: DType;
  readonly shape: Shape;
  /** Survives the scope it was made in. */
  kept = false;
  /** How many tapes will need it to walk back; a scope inside leaves it alone meanwhile. */
  retained = 0;
  /** Somebody frees it in time. */
  owned = false;
  /** The garbage collector tells when it is lost. */
  watched: Managed['watched'] = null;
  #storage: Storage | null;

  /** For core and backends' tests; users call `tensor()`. */
  constructor(storage: Storage, spec: TensorSpec) {
    this.dtype = spec.dtype;
    this.shape = spec.shape;
    this.#storage = storage;
    register(this, storage);
  }

  /** Number of the tensor made last: those made from here on have larger ones. */
  static get lastId(): number {
    return nextId - 1;
  }

  /** Wraps a fresh backend buffer. */
  static fromBuffer(backend: Backend, buffer: unknown, spec: TensorSpec): Tensor {
    const bytes = bytesOf(spec);
    return new Tensor({ backend, buffer, bytes, refs: 0 }, spec);
  }

  get storage(): Storage {
    if (!this.#storage) {
      throw new StateError(
        `this ${this.dtype}${showShape(this.shape)} tensor was disposed; return it from its scope(), or keep() it`,
      );
    }
    return this.#storage;
  }

  get backend(): Backend {
    return this.storage.backend;
  }
  /** Number of axes. */
  get rank(): number {
    return this.shape.length;
  }
  /** Number of elements. */
  get size(): number {
    return sizeOf(this.shape);
  }
  get disposed(): boolean {
    return this.#storage === null;
  }

  /**
   * The values, row-major, copied out. Waits for the backend; failures of queued work surface here. Where tensors have
   * become many, it waits until those that nobody holds are freed, too.
   */
  async data(): Promise<TypedArray> {
    const { backend, buffer } = this.storage;
    const values = await backend.read(buffer, this);
    if (isPressed(backend)) await relieve(backend);
    return values;
  }

  /** The values at once, on backends that work synchronously. */
  dataSync(): TypedArray {
    const s = this.storage;
    if (!s.backend.readSync) {
      throw new UnsupportedError(
        `dataSync() on '${s.backend.name}', which works asynchronously: use await data()`,
      );
    }
    return s.backend.readSync(s.buffer, this);
  }

  /** The value of a one-element tensor. */
  async item(): Promise<number> {
    if (this.size !== 1)
      throw new GraftError(`item() wants one element, this tensor is ${showShape(this.shape)}`);
    return (await this.data())[0]!;
  }

  /** The values as nested arrays. */
  async array(): Promise<NestedArray> {
    return nest(await this.data(), this.shape);
  }

  /** A copy on another backend, or this tensor itself if it is there already. */
  async to(backend: Backend): Promise<Tensor> {
    if (backend === this.backend) return this;
    return Tensor.fromBuffer(backend, backend.upload(await this.data(), this), {
      dtype: this.dtype,
      shape: this.shape,
    });
  }

  /** Frees it now. Calling it twice is harmless. */
  dispose(): void {
    if (!this.#storage) return;
    const storage = this.#storage;
    this.#storage = null;
    if (this.watched) unwatch(ledgerOf(storage.backend), this, this.watched);
    unregister(storage);
  }
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Lets it outlive the current scope; its owner disposes it. */
  keep(): this {
    this.kept = true;
    return this;
  }

  /** Rows and columns, long axes elided; on asynchronous backends only dtype and shape (print `await t.print()`). */
  toString(): string {
    if (this.disposed) return `Tensor ${this.dtype}${showShape(this.shape)} (disposed)`;
    const s = this.storage;
    const head = `Tensor ${this.dtype}${showShape(this.shape)} on ${s.backend.name}`;
    return s.backend.readSync ? `${head}\n${format(s.backend.readSync(s.buffer, this), this)}` : head;
  }
  /** `toString` with values, on every backend. */
  async print(): Promise<string> {
    const values = await this.data();
    return `Tensor ${this.dtype}${showShape(this.shape)} on ${this.backend.name}\n${format(values, this)}`;
  }

  add(b: TensorLike): Tensor {
    return ops.add(this, b);
  }
  sub(b: TensorLike): Tensor {
    return ops.sub(this, b);
  }
  mul(b: TensorLike): Tensor {
    return ops.mul(this, b);
  }
  div(b: TensorLike): Tensor {
    return ops.div(this, b);
  }
  pow(b: TensorLike): Tensor {
    return ops.pow(this, b);
  }
  neg(): Tensor {
    return ops.neg(this);
  }
  exp(): Tensor {
    return ops.exp(this);
  }
  log(): Tensor {
    return ops.log(this);
  }
  sqrt(): Tensor {
    return ops.sqrt(this);
  }
  relu(): Tensor {
    return ops.relu(this);
  }
  sum(axes?: Axes, options?: ReduceOptions): Tensor {
    return ops.sum(this, axes, options);
  }
  mean(axes?: Axes, options?: ReduceOptions): Tensor {
    return ops.mean(this, axes, options);
  }
  max(axes?: Axes, options?: ReduceOptions): Tensor {
    return ops.max(this, axes, options);
  }
  argmax(axis?: number): Tensor {
    return ops.argmax(this, axis);
  }
  matmul(b: Tensor): Tensor {
    return ops.matmul(this, b);
  }
  reshape(shape: Shape): Tensor {
    return ops.reshape(this, shape);
  }
  transpose(perm?: readonly number[]): Tensor {
    return ops.transpose(this, perm);
  }
  /** See `index`: `t.at(0)`, `t.at([1, 3])`, `t.at(null, -1)`. */
  at(...selectors: Selector[]): Tensor {
    return ops.index(this, ...selectors);
  }
  cast(dtype: DType): Tensor {
    return ops.cast(this, dtype);
  }
}

mark(Tensor.prototype);
inspectedAs(Tensor.prototype, tensorText);

export type Axes = number | readonly number[];
export interface ReduceOptions {
  /** Keep reduced axes with extent 1. */
  readonly keepDims?: boolean;
}
/** What `index` takes for one axis: a position, `[start, end?, step?]`, or null for all of it. */
export type Selector = number | null | readonly [start: number, end?: number, step?: number];
export type NestedArray = number | boolean | NestedArray[];

function nest(values: TypedArray, spec: Shape): NestedArray {
  let at = 0;
  const walk = (axis: number): NestedArray =>
    axis === spec.length ? values[at++]! : Array.from({ length: spec[axis]! }, () => walk(axis + 1));
  return walk(0);
}

/** @throws StateError for a tensor of another copy of this package. */
export function isTensor(value: unknown): value is Tensor {
  if (value instanceof Tensor) return true;
  refuseForeign(value);
  return false;
}

/**
 * Runs `fn` and frees every tensor made inside, but those in its result (directly, or in arrays, maps and plain
 * objects) and those marked with `keep()`. On an exception all are freed. `fn` must be synchronous.
 *
 * It makes loops faster and keeps their memory smallest; a loop without it is right, too, if it waits for its results:
 * tensors that nobody holds are freed while `await t.data()` (`item`, `array`, `print`) or `await backend.flush()` waits,
 * once 32 MiB or 4,096 tensors have come together. A loop that never awaits gives the event loop no turn, and nothing is
 * freed in it: with more than the backend may hold it ends with an OutOfMemoryError. It needs `scope`.
 *
 * @throws GraftError where `fn` gives a promise.
 * @example
 * const before = memory(getDefaultBackend()).tensors;
 * const y = scope(() => relu(sub(ones([2, 3]), 0.5)));
 * memory(getDefaultBackend()).tensors - before; // → 1
 * y.dispose();
 */
export function scope<T>(fn: () => T): T {
  return runScope(fn, isTensor);
}
