import {
  type Backend,
  converted,
  fillOfEmptyInputs,
  type OpAttrs,
  type Operand,
  type OpInputs,
  type OpName,
  relieve,
  type TensorSpec,
  UnsupportedError,
} from '@graftjs/core/backend';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { engine } from '@tensorflow/tfjs-core';
import type { Compositions } from './compositions.ts';
import { convolutions } from './conv.ts';
import { elementwise } from './elementwise.ts';
import { instanceOf } from './instance.ts';
import { movement } from './movement.ts';
import { pools } from './pool.ts';
import { reductions } from './reduce.ts';
import { Tfjs, type Info } from './tfjs.ts';
import { fill } from './vocabulary.ts';
import { wasmFolder } from './wasm-folder.ts';

export interface TfjsBackendOptions {
  /** Name of a backend that is registered with tfjs. Default 'wasm', which this package brings along. */
  readonly backend?: string;
  /**
   * URL of the folder with tfjs-backend-wasm's .wasm files, with a slash at the end. Default: in Node the installed
   * package's, in browsers that of the script. tfjs looks at it once, when its wasm backend starts.
   */
  readonly wasmPaths?: string;
}

const compositions: Compositions = {
  ...elementwise,
  ...movement,
  ...reductions,
  ...convolutions,
  ...pools,
};

/**
 * TensorFlow.js behind Graft's contract: by default XNNPACK in WebAssembly, or any other backend registered with tfjs.
 * Tensors stay in its memory. The program's current tfjs backend is left as it is; the backend used is shared with
 * whoever else uses tfjs, so `tf.removeBackend` would pull it away. Work is done when `run` returns, or queued as tfjs
 * does; reading waits for it.
 * @throws NameError for a name that is not registered
 * @throws UnsupportedError where the host has no WebAssembly, or the tfjs backend reads asynchronously only; and later for
 *   kernels that it lacks
 * @throws GraftError if tfjs cannot start it
 * @example
 * const tfjs = await createTfjsBackend();
 * add(ones([2], { backend: tfjs }), 1); // → [2, 2]
 * await tfjs.dispose();
 */
export async function createTfjsBackend(options: TfjsBackendOptions = {}): Promise<Backend<object>> {
  const name = options.backend ?? 'wasm';
  if (name === 'wasm') prepareWasm(options.wasmPaths ?? wasmFolder());
  const t = new Tfjs(name, await instanceOf(name));
  const info = ({ buffer, spec }: Operand<object>): Info => ({
    dataId: buffer,
    shape: [...spec.shape],
    dtype: spec.dtype,
  });

  let disposed = false;
  const backend: Backend<object> = {
    name: 'tfjs',
    largest: 2 ** 32, // the addresses of its WebAssembly
    upload: (data, spec) =>
      t.hold(
        t.collect(() => t.upload(converted(data, spec), spec.shape, spec.dtype)),
        spec,
      ),
    read: async (buffer, spec) => t.read(info({ buffer, spec })),
    readSync: (buffer, spec) => t.read(info({ buffer, spec })),
    release(buffer) {
      if (!disposed) t.release(buffer);
    },
    flush: () => relieve(backend),
    async dispose() {
      disposed = true;
      t.releaseAll();
    },
    run<N extends OpName>(
      op: N,
      operands: OpInputs<Operand<object>>[N],
      attrs: OpAttrs[N],
      output: TensorSpec,
    ) {
      const inputs = operands.map(info) as unknown as OpInputs<Info>[N];
      const dataId = t.collect(
        () => resultOfEmptyInputs(t, op, inputs, attrs, output) ?? compositions[op](t, inputs, attrs, output),
      );
      return t.hold(dataId, output);
    },
    memory: () => t.usage,
  };
  return backend;
}

/** Before tfjs starts its wasm backend: a failed start would leave it unable to try again. */
function prepareWasm(folder: string | undefined): void {
  if ((globalThis as { WebAssembly?: unknown }).WebAssembly === undefined)
    throw new UnsupportedError("'tfjs' needs a host with WebAssembly; the backend 'cpu' runs everywhere");
  if (folder !== undefined && !('wasm' in engine().registry)) setWasmPaths(folder);
}

/** tfjs's kernels take no empty tensors, but for indices, which are always looked at. */
function resultOfEmptyInputs(
  t: Tfjs,
  op: OpName,
  inputs: readonly Info[],
  attrs: OpAttrs[OpName],
  output: TensorSpec,
): Info | undefined {
  if (op === 'gather' || op === 'scatterAdd' || op === 'reshape') return undefined;
  const value = fillOfEmptyInputs(op, inputs, attrs, output);
  return value === undefined ? undefined : fill(t, value, output.shape, output.dtype);
}
