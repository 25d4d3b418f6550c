import {
  ARRAYS,
  type BackendMemory,
  type DType,
  type Shape,
  sizeOf,
  type TensorSpec,
  UnsupportedError,
} from '@graftjs/core/backend';
import { getKernel, type DataId, type KernelBackend, type TypedArray } from '@tensorflow/tfjs-core';

/** tfjs's name for a tensor: where its numbers are, and how to look at them. It holds nothing; `DataId` does. */
export interface Info {
  readonly dataId: DataId;
  readonly shape: number[];
  readonly dtype: DType;
}

type Inputs = Readonly<Record<string, Info | readonly Info[]>>;
type Attributes = Readonly<Record<string, unknown>>;
type KernelFunction = (call: {
  inputs: Inputs;
  attrs: Attributes;
  backend: KernelBackend;
}) => Info | readonly Info[];

/** A tensor's data, and what was made of it. */
interface Holding {
  readonly bytes: number;
  readonly derived: Map<string, Info>;
}

/**
 * Runs tfjs's kernels on one of its backends, past tfjs's engine: nothing global is read or changed, no `tf.Tensor` is
 * made, and `tf.tidy` sees none of it. Instead, all that a call makes is freed when the call ends, but for its result.
 */
export class Tfjs {
  readonly instance: KernelBackend;
  readonly name: string;
  readonly #made: DataId[] = [];
  readonly #held = new Map<DataId, Holding>();

  constructor(name: string, instance: KernelBackend) {
    this.name = name;
    this.instance = instance;
  }

  /** One kernel. What it gives belongs to the surrounding `collect`. */
  run(kernel: string, inputs: Inputs, attrs: Attributes = {}): Info {
    const config = getKernel(kernel, this.name);
    if (!config) throw new UnsupportedError(`tfjs's backend '${this.name}' has no kernel ${kernel}`);
    const call = config.kernelFunc as unknown as KernelFunction;
    const y = [call({ inputs, attrs, backend: this.instance })].flat()[0] as Info;
    this.#made.push(y.dataId);
    return y;
  }

  /** Numbers from outside. The array is handed over. */
  upload(values: TypedArray, shape: Shape, dtype: DType): Info {
    const dataId = this.instance.write(values, [...shape], dtype) as DataId;
    this.#made.push(dataId);
    return { dataId, shape: [...shape], dtype };
  }

  /** Data becomes a tensor's: it stays until it is released. */
  hold(dataId: DataId, { shape, dtype }: TensorSpec): DataId {
    if (!this.#held.has(dataId))
      this.#held.set(dataId, { bytes: sizeOf(shape) * ARRAYS[dtype].BYTES_PER_ELEMENT, derived: new Map() });
    return dataId;
  }

  release(dataId: DataId): void {
    const ids = [dataId, ...[...(this.#held.get(dataId)?.derived.values() ?? [])].map((d) => d.dataId)];
    for (const id of ids) this.instance.disposeData(id);
    this.#held.delete(dataId);
  }

  releaseAll(): void {
    for (const id of [...this.#held.keys()]) this.release(id);
  }

  /**
   * What is made of a tensor again and again, such as weights in the order of XNNPACK: kept as long as the tensor. (And as
   * long as the filter lives, tfjs keeps XNNPACK's operator with the packed weights.) Data of no tensor is made anew.
   */
  derive(x: Info, what: string, make: () => Info): Info {
    const derived = this.#held.get(x.dataId)?.derived;
    if (!derived) return make();
    const key = `${what} of ${x.shape.join()}`;
    let y = derived.get(key);
    if (!y) {
      let made: Info | undefined;
      this.collect(() => (made = make()));
      y = made!;
      if (y.dataId !== x.dataId) derived.set(key, y);
    }
    return y;
  }

  get usage(): BackendMemory {
    const all = [...this.#held.values()];
    const bytes = ({ shape, dtype }: Info): number => sizeOf(shape) * ARRAYS[dtype].BYTES_PER_ELEMENT;
    return {
      inUse: all.reduce((sum, h) => sum + h.bytes, 0),
      pooled: all.reduce((sum, h) => sum + [...h.derived.values()].reduce((s, d) => s + bytes(d), 0), 0),
    };
  }

  /** A copy of the numbers. */
  read({ dataId, shape, dtype }: Info): Float32Array | Int32Array | Uint8Array {
    if (sizeOf(shape) === 0) return new ARRAYS[dtype]();
    return ARRAYS[dtype].from(this.instance.readSync(dataId) as ArrayLike<number>);
  }

  /** Runs `work` and frees all that was made in it, but its result. */
  collect(work: () => Info): DataId {
    const first = this.#made.length;
    let kept: DataId | undefined;
    try {
      kept = work().dataId;
      return kept;
    } finally {
      for (const id of this.#made.splice(first)) {
        if (id === kept) kept = undefined;
        else this.instance.disposeData(id);
      }
    }
  }
}

/** The same numbers under another shape. */
export function view(x: Info, shape: Shape): Info {
  return { ...x, shape: [...shape] };
}
