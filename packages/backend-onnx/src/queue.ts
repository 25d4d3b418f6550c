import { DeferredFailures, deferredKernelError, type TensorSpec } from '@graftjs/core/backend';
import type { OnnxBuffer } from './buffer.ts';

/** Something to be done in its turn. */
export interface Work {
  readonly op: string;
  readonly specs: readonly TensorSpec[];
  readonly inputs: readonly OnnxBuffer[];
  readonly outputs: readonly OnnxBuffer[];
  /** Sets the outputs' data. */
  readonly run: () => Promise<void>;
}

/** Works off one thing after the other. What fails poisons its outputs, and what depends on them; the rest goes on. */
export class Queue {
  #tail: Promise<void> = Promise.resolve();
  readonly failures: DeferredFailures = new DeferredFailures();
  readonly #settle: (buffer: OnnxBuffer) => void;

  /** `settle` is told of each buffer that work is done with. */
  constructor(settle: (buffer: OnnxBuffer) => void) {
    this.#settle = settle;
  }

  enqueue(work: Work): void {
    const { op, inputs, outputs } = work;
    // Only the frames are taken now; they become text if they are needed.
    const where = new Error(`${op} was enqueued here`);
    for (const buffer of [...inputs, ...outputs]) buffer.pending++;
    this.#tail = this.#tail.then(async () => {
      const poison = inputs.find((x) => x.failure)?.failure;
      if (poison) for (const y of outputs) y.failure = poison;
      else {
        try {
          await work.run();
        } catch (error) {
          const failure = deferredKernelError(op, work.specs, error, where);
          for (const y of outputs) y.failure = failure;
          this.failures.add(failure);
        }
      }
      for (const buffer of [...inputs, ...outputs]) {
        buffer.pending--;
        this.#settle(buffer);
      }
    });
  }

  /** Something that cannot fail, or whose failure nobody waits for. */
  after(then: () => Promise<void>): void {
    this.#tail = this.#tail.then(then).catch(() => {});
  }

  /** When all that is enqueued now is done. */
  idle(): Promise<void> {
    return this.#tail;
  }
}
