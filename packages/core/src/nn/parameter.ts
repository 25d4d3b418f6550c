import { mark } from '../copies.ts';
import { GraftError, StateError } from '../errors.ts';
import { inspectedAs, slotText } from '../inspect.ts';
import { Property } from '../lost.ts';
import type { Tensor } from '../tensor.ts';
import { tracing, type Cell } from '../tracing.ts';
import { sameShape, showShape } from '../types.ts';

/** A named tensor of a module, replaced as a whole: the old value is freed when a new one is set. */
export abstract class Slot implements Cell {
  /** Stays as it is: no gradient and no step, no weight decay, no momentum; a module's statistics do not move. */
  locked = false;
  /** Null until the function that made it under `compile` has run. */
  #value: Tensor | null = null;
  #property: Property | null = null;
  constructor(value: Tensor) {
    this.#put(value);
  }
  get value(): Tensor {
    const trace = tracing();
    if (trace) return trace.read(this, this.#value);
    if (!this.#value)
      throw new StateError('this value was to come from a compiled function that has not run, or failed');
    return this.#value;
  }
  /** Takes `next` over; it must have the same shape and dtype. */
  set(next: Tensor): void {
    const value = this.#value === null && !tracing() ? null : this.value;
    if (next === value) return;
    if (value && (!sameShape(next.shape, value.shape) || next.dtype !== value.dtype)) {
      throw new GraftError(
        `cannot replace ${value.dtype}${showShape(value.shape)} by ${next.dtype}${showShape(next.shape)}`,
      );
    }
    this.#put(next);
  }
  #put(next: Tensor): void {
    const trace = tracing();
    if (trace) return trace.write(this, next, this.#value);
    this.#value?.dispose();
    this.#value = next.keep();
    // It is registered once, not for every value.
    if (this.#property?.backend === next.backend) this.#property.exchange([next]);
    else this.#property = new Property(this, [next]);
  }
  dispose(): void {
    const trace = tracing();
    if (trace) trace.drop(this);
    else this.#value?.dispose();
  }
}

/** A trainable tensor. */
export class Parameter extends Slot {
  /** Optimizers may treat groups differently; `transfer` makes 'base' and 'head'. */
  group = 'default';
}

/** A tensor that belongs to the state of a module but is not trained, such as running statistics. */
export class StateBuffer extends Slot {
  /** `loadStateDict` does not ask for it: PyTorch's older checkpoints lack `num_batches_tracked`. */
  optional = false;
}

mark(Slot.prototype);
inspectedAs(Slot.prototype, slotText);
