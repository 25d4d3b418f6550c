import { GraftError } from '../errors.ts';
import type { Graph } from '../graph.ts';
import { withRecorders, type Recorder } from '../op.ts';
import type { Tensor } from '../tensor.ts';
import { tracing } from '../tracing.ts';
import type { TensorSpec } from '../types.ts';
import { trace, type Feed } from './trace.ts';

/** One op of a recording: a primitive, or a composite that has a name ('batchNorm', 'softmax'). */
export interface RecordedCall {
  readonly name: string;
  /** A primitive's attributes, or what the composite says of itself. */
  readonly attrs: unknown;
  /** Values; null where an optional one is absent. */
  readonly inputs: readonly (number | null)[];
  readonly outputs: readonly number[];
}

/** What a function does, at the level at which networks are described. */
export interface Recording extends Pick<Graph, 'specs' | 'constants'> {
  /** Where values that come from outside are found: arguments, parameters and buffers, tensors closed over. */
  readonly feeds: ReadonlyMap<number, Feed>;
  /** In an order in which every input comes before its use. */
  readonly calls: readonly RecordedCall[];
  /** The values of the tensors in the result. */
  readonly results: readonly number[];
  /** Lets go of the tensors among its feeds. */
  dispose(): void;
}

/**
 * Runs `fn` on symbols, computing nothing, and lists its ops with composites whole: what an exporter needs. Layers run one
 * by one, not joined.
 * @param inputs What the arguments are; no values are needed.
 * @throws UnsupportedError where `fn` looks at values.
 */
export function record<A extends readonly Tensor[]>(
  fn: (...inputs: A) => unknown,
  inputs: readonly TensorSpec[],
): Recording {
  const calls: RecordedCall[] = [];
  const valueOf = (t: Tensor): number => tracing()!.valueOf(t);
  const note = (
    name: string,
    attrs: unknown,
    from: readonly (Tensor | null)[],
    to: readonly Tensor[],
  ): void => {
    calls.push({ name, attrs, inputs: from.map((t) => t && valueOf(t)), outputs: to.map(valueOf) });
  };
  const recorder: Recorder = {
    record: (e) => note(e.name, e.attrs, e.inputs, e.outputs),
    composite: (call, outputs) => note(call.name, call.attrs, call.inputs, outputs),
  };
  const { graph, feeds, writes, results, dispose } = trace(
    (...symbols: A) => withRecorders([recorder], () => fn(...symbols)),
    inputs,
  );
  if (writes.size) {
    dispose();
    throw new GraftError('the function changes parameters or buffers: record it in evaluation mode, eval()');
  }
  return { specs: graph.specs, constants: graph.constants, feeds, calls, results, dispose };
}
