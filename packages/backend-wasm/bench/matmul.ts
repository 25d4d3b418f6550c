// GFLOP/s of matrix products on one thread. From the repository's root:
//   node --conditions=@graftjs/source --import tsx packages/backend-wasm/bench/matmul.ts
import { primitives, sizeOf, type Shape, type TensorSpec } from '@graftjs/core';
import { createWasmBackend } from '../src/index.ts';
import { random, seconds } from './measure.ts';

const cases: readonly (readonly [string, Shape, Shape, boolean, boolean])[] = [
  ['linear layer', [32, 9216], [128, 9216], false, true],
  ['gradient of its input', [32, 128], [128, 9216], false, false],
  ['gradient of its weights', [32, 128], [32, 9216], true, false],
  ['head', [16, 1280], [1280, 10], false, false],
  ['head, one picture', [1, 1280], [1280, 1000], false, false],
  ['square', [512, 512], [512, 512], false, false],
];

const backend = await createWasmBackend({ threads: 1 });
for (const [name, left, right, transposeA, transposeB] of cases) {
  const inputs = [left, right].map((shape): TensorSpec => ({ dtype: 'float32', shape }));
  const attrs = { transposeA, transposeB };
  const y = primitives.matmul.infer(inputs, attrs);
  const operands = inputs.map((spec) => ({ spec, buffer: backend.upload(random(sizeOf(spec.shape)), spec) }));
  const time = seconds(() => backend.run('matmul', operands, attrs, [y]).forEach((b) => backend.release(b)));
  const speed = primitives.matmul.flops(inputs, attrs, y) / time / 1e9;
  console.log(`${name.padEnd(28)} ${left.join('×')} · ${right.join('×')}`.padEnd(60), speed.toFixed(1));
}
