import {
  type Backend,
  type FusedAttrs,
  type FusedInputs,
  type FusedKernel,
  type FusedName,
  type FusedOutputs,
  type OpAttrs,
  type Operand,
  type OpInputs,
  type OpName,
  type Shape,
  sizeOf,
  type TensorSpec,
} from '@graftjs/core/backend';
import { builtin, type V8 } from './host.ts';
import type { WasmBuffer } from './memory.ts';

/*
 * V8 has an optimization that joins two neighbouring 128-bit operations into one of 256 bits. It is an experiment of V8's
 * and off by default; once on it holds for all modules of the process that are compiled from then on. It must not change
 * a bit, and before anybody relies on that, `sameBits` compares.
 */

/** The first V8 whose version of it makes the kernels faster (Node 24); Node 22's makes them slower. */
const FIRST_MAJOR = 13;

/** Why it cannot be turned on here, or null if it can. */
export function whyNotRevectorized(): string | null {
  const v8 = builtin<V8>('node:v8');
  const version = builtin<{ versions: { v8: string } }>('node:process')?.versions.v8;
  if (!v8 || !version) return 'only Node lets V8’s revectorizer be turned on by a script';
  if (Number.parseInt(version) < FIRST_MAJOR) return 'V8’s revectorizer is fast from Node 24 on';
  return null;
}

export function turnRevectorizer(on: boolean): void {
  const v8 = builtin<V8>('node:v8')!;
  v8.setFlagsFromString(`--${on ? '' : 'no-'}experimental-wasm-revectorize`);
}

interface Probe {
  readonly inputs: readonly Shape[];
  readonly outputs: readonly Shape[];
  readonly run: (
    backend: Backend<WasmBuffer>,
    inputs: readonly Operand<WasmBuffer>[],
    outputs: readonly TensorSpec[],
  ) => readonly WasmBuffer[];
}

const probe = <N extends OpName>(
  op: N,
  inputs: readonly Shape[],
  attrs: OpAttrs[N],
  output: Shape,
): Probe => ({
  inputs,
  outputs: [output],
  run: (backend, operands, [output]) => [
    backend.run(op, operands as unknown as OpInputs<Operand<WasmBuffer>>[N], attrs, output!),
  ],
});

const fusedProbe = <N extends FusedName>(
  name: N,
  inputs: readonly Shape[],
  attrs: FusedAttrs[N],
  outputs: readonly Shape[],
): Probe => ({
  inputs,
  outputs,
  run: ({ fused }, operands, specs) =>
    (fused![name] as FusedKernel<N, WasmBuffer>)(
      operands as unknown as FusedInputs<Operand<WasmBuffer>>[N],
      attrs,
      specs as unknown as FusedOutputs<TensorSpec>[N],
    ),
});

function probes(): Probe[] {
  const geometry = {
    stride: [1, 1],
    dilation: [1, 1],
    padding: [
      [1, 1],
      [1, 1],
    ],
  } as const;
  const found: Probe[] = [];
  for (const layout of ['channels-first', 'channels-last'] as const) {
    const shape = (c: number): Shape => (layout === 'channels-first' ? [2, c, 27, 30] : [2, 27, 30, c]);
    for (const groups of [1, 20]) {
      const attrs = { ...geometry, groups, layout };
      const [x, w] = [shape(20), [20, 20 / groups, 3, 3]];
      found.push(probe('conv', [x, w], attrs, x));
      found.push(probe('convInputGrad', [x, w], { ...attrs, inputSize: [27, 30] }, x));
      found.push(probe('convWeightGrad', [x, x], { ...attrs, kernelSize: [3, 3] }, w));
    }
    const axes = layout === 'channels-first' ? [0, 2, 3] : [0, 1, 2];
    found.push(probe('reduce', [shape(20)], { kind: 'sum', axes, keepDims: false }, [20]));
    const norm = { eps: 1e-5, layout };
    const [x, c] = [shape(20), [20]];
    found.push(fusedProbe('batchNorm', [x, c, c], norm, [x, c, c]));
    found.push(fusedProbe('batchNormGrad', [x, x, c, c, c], norm, [x, c, c]));
    const pool = { kernel: [3, 3], ...geometry, ceilMode: false, layout };
    found.push(probe('maxPool', [shape(20)], pool, shape(20)));
    found.push(probe('avgPool', [shape(20)], { ...pool, countIncludePad: true }, shape(20)));
  }
  const flat = [30_001];
  for (const kind of ['exp', 'tanh', 'sigmoid', 'relu', 'rsqrt'] as const)
    found.push(probe('unary', [flat], { kind }, flat));
  for (const kind of ['add', 'mul', 'div', 'max'] as const)
    found.push(probe('binary', [flat, flat], { kind }, flat));
  found.push(
    probe(
      'matmul',
      [
        [50, 70],
        [70, 90],
      ],
      { transposeA: false, transposeB: false },
      [50, 90],
    ),
  );
  const logits = [50, 70];
  found.push(fusedProbe('softmaxCrossEntropy', [logits, logits], {}, [[50], logits]));
  found.push(fusedProbe('softmaxCrossEntropyGrad', [logits, logits, [50]], {}, [logits]));
  const sgd = { lr: 0.1, weightDecay: 0.01, momentum: 0.9, dampening: 0.1, nesterov: true };
  found.push(fusedProbe('sgd', [flat, flat, flat], sgd, [flat, flat]));
  const adam = { rate: 0.1, beta1: 0.9, beta2: 0.99, eps: 1e-3, weightDecay: 0.01, shrink: 0.9 };
  found.push(fusedProbe('adam', [flat, flat, flat, flat], adam, [flat, flat, flat]));
  found.push(probe('transpose', [[20, 30, 50]], { perm: [0, 2, 1] }, [20, 50, 30]));
  return found;
}

/** How often each is run: often enough for V8 to have compiled its loops with all optimizations on the way. */
const ROUNDS = 12;

/** Runs a choice of kernels on both backends: whether all results had the same bits, every time. */
export function sameBits(a: Backend<WasmBuffer>, b: Backend<WasmBuffer>): boolean {
  const float32 = (shape: Shape): TensorSpec => ({ dtype: 'float32', shape });
  return probes().every((probed) => {
    const specs = probed.outputs.map(float32);
    const runs = [a, b].map((backend) => {
      const operands = probed.inputs.map((shape, i) => ({
        buffer: backend.upload(numbers(sizeOf(shape), i), float32(shape)),
        spec: float32(shape),
      }));
      const run = (): Int32Array[] =>
        probed.run(backend, operands, specs).map((y, i) => {
          const values = backend.readSync!(y, specs[i]!);
          backend.release(y);
          return new Int32Array(values.buffer);
        });
      return { run, free: () => operands.forEach(({ buffer }) => backend.release(buffer)) };
    });
    let same = true;
    for (let round = 0; same && round < ROUNDS; round++) {
      const [xs, ys] = runs.map(({ run }) => run()) as [Int32Array[], Int32Array[]];
      xs.forEach((x, k) => {
        for (let i = 0; i < x.length; i++) if (x[i] !== ys[k]![i]) same = false;
      });
    }
    for (const { free } of runs) free();
    return same;
  });
}

/** Numbers from 0.01 to 1.01, by whole-number arithmetic, so that every host draws the same. */
function numbers(n: number, seed: number): Float32Array {
  let state = 12_345 + 977 * seed;
  return Float32Array.from({ length: n }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return 0.01 + state / 2 ** 32;
  });
}
