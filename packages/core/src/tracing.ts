import type { Backend } from './backend.ts';
import type { Tensor } from './tensor.ts';
import type { TensorSpec } from './types.ts';

/** A place outside a function that holds a tensor between calls: a parameter, a running statistic, a moment. */
export interface Cell {
  readonly value: Tensor;
  set(next: Tensor): void;
  /** It holds the same tensor in every step: its parameter is locked. */
  readonly locked?: boolean;
}

/** What the rest of core tells a trace while one is recorded. */
export interface Tracing {
  /** Everything that is made during a trace lives here. */
  readonly backend: Backend;
  /** The number of the graph's value that a tensor is. */
  valueOf(t: Tensor): number;
  /** What a cell holds at this point of the function; `current` is what it held when the trace began. */
  read(cell: Cell, current: Tensor | null): Tensor;
  /**
   * From here on the function sees `next` in the cell; the cell itself changes only when the graph has run.
   * @param current What it held when the trace began; null for a cell that the function makes.
   */
  write(cell: Cell, next: Tensor, current: Tensor | null): void;
  /** The function has disposed of the cell. */
  drop(cell: Cell): void;
  /** A tensor whose values `make` gives anew at every call. */
  host(spec: TensorSpec, make: () => ArrayLike<number>): Tensor;
  /** Something that happens on the host at every call. */
  effect(run: () => void): void;
}

let active: Tracing | null = null;

/** The trace that is being recorded now. */
export function tracing(): Tracing | null {
  return active;
}

/** Runs `fn` while `trace` is told what happens; null pauses a trace. */
export function withTracing<T>(trace: Tracing | null, fn: () => T): T {
  const before = active;
  active = trace;
  try {
    return fn();
  } finally {
    active = before;
  }
}

/** Does something on the host now and, where a function is being compiled, again at each of its later calls. */
export function hostEffect(run: () => void): void {
  run();
  active?.effect(run);
}
