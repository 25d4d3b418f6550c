import * as jax from '@jax-js/jax';
import type { Contender } from '../contender.ts';
import type { Task } from '../task.ts';
import { convData, convSpecs, paddingOf, type ConvWork } from '../work.ts';
import { jaxCnn } from './jax-cnn.ts';

const { jit, lax, numpy: np, vjp } = jax;

/**
 * jax-js on its device 'wasm', every task under `jit`. Without a global `Worker`, as in Node, it runs on one thread.
 * Its functions take their arguments over: `.ref` keeps one for the next time.
 */
export async function jaxJs(): Promise<Contender> {
  await jax.init('wasm');
  jax.defaultDevice('wasm');
  return {
    name: 'jax-js',
    ours: false,
    parallel: false,
    async prepare(work) {
      if (work.kind === 'conv') return convTask(work);
      if (work.kind !== 'step') return '';
      return work.step === 'cnn' ? jaxCnn() : 'jax-js: only the small network is written for it here.';
    },
    dispose: async () => {},
  };
}

/** A call that gives one array, as a task. */
function taskOf(call: () => jax.Array, operands: readonly jax.Array[], dispose: () => void): Task {
  return {
    async run() {
      const y = await call().blockUntilReady();
      y.dispose();
    },
    async result() {
      return (await call().data()) as Float32Array;
    },
    dispose() {
      for (const a of operands) a.dispose();
      dispose();
    },
  };
}

function convTask({ geometry: g, pass }: ConvWork): Task {
  const data = convData(g);
  const specs = convSpecs(g, 'channels-first');
  const array = (values: Float32Array<ArrayBuffer>, shape: readonly number[]): jax.Array =>
    np.array(values).reshape([...shape]);
  const x = array(data.x, specs.x.shape);
  const w = array(data.w, specs.w.shape);
  const gy = array(data.gy, specs.y.shape);
  const padding = paddingOf(g).map((p): [number, number] => [p, p]);
  const stride = g.kernel.map(() => g.stride);
  const conv = (a: jax.Array, b: jax.Array): jax.Array =>
    lax.convGeneralDilated(a, b, stride, padding, { featureGroupCount: g.groups });
  /** The gradient of `fn` at `at` alone; what only the forward pass needs falls out of the compiled graph. */
  const pullback = (fn: (v: jax.Array) => jax.Array, at: jax.Array, gradient: jax.Array): jax.Array => {
    const [y, back] = vjp(fn, [at]);
    y.dispose();
    const [result] = back(gradient) as [jax.Array];
    back.dispose();
    return result;
  };
  const compiled = {
    forward: (a: jax.Array, b: jax.Array, c: jax.Array) => {
      c.dispose();
      return conv(a, b);
    },
    'input gradient': (a: jax.Array, b: jax.Array, c: jax.Array) => pullback((v) => conv(v, b), a, c),
    'weight gradient': (a: jax.Array, b: jax.Array, c: jax.Array) => pullback((v) => conv(a, v), b, c),
  };
  const fn = jit(compiled[pass]);
  return taskOf(
    () => fn(x.ref, w.ref, gy.ref),
    [x, w, gy],
    () => fn.dispose(),
  );
}
