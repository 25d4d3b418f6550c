// Nanoseconds per output element (reductions: per input element) of the other kernels. From the repository's root:
//   node --conditions=@graftjs/source --import tsx packages/backend-cpu/bench/ops.ts [part of a name]
import { primitives, sizeOf, type DType, type OpAttrs, type OpName, type TensorSpec } from '@graftjs/core';
import { createCpuBackend } from '../src/index.ts';
import { random, seconds } from './measure.ts';

const backend = await createCpuBackend();
const filter = process.argv[2] ?? '';

function time<N extends OpName>(name: string, op: N, inputs: TensorSpec[], attrs: OpAttrs[N]): void {
  if (!name.includes(filter)) return;
  const output = primitives[op].infer(inputs, attrs);
  const operands = inputs.map((spec) => {
    const values = random(sizeOf(spec.shape));
    return {
      spec,
      buffer: backend.upload(spec.dtype === 'float32' ? values : values.map((v) => Math.abs(v * 8)), spec),
    };
  });
  const t = seconds(
    () =>
      backend
        .run(op, operands, attrs, [output])
        .forEach((b) => b === operands[0]!.buffer || backend.release(b)),
    0.2,
  );
  const n = Math.max(sizeOf(output.shape), sizeOf(inputs[0]!.shape));
  console.log(`${name.padEnd(44)} ${((t * 1e9) / n).toFixed(2).padStart(7)}`);
}
const t = (shape: number[], dtype: DType = 'float32'): TensorSpec => ({ shape, dtype });
const first = t([8, 64, 28, 28]);
const last = t([8, 28, 28, 64]);

for (const kind of [
  'relu',
  'neg',
  'sqrt',
  'rsqrt',
  'round',
  'sign',
  'exp',
  'log',
  'tanh',
  'erf',
  'sigmoid',
] as const) {
  time(`unary ${kind}`, 'unary', [first], { kind });
}
for (const kind of ['add', 'mul', 'div', 'max', 'pow'] as const)
  time(`binary ${kind}, same shape`, 'binary', [first, first], { kind });
time('binary mul, scalar', 'binary', [first, t([])], { kind: 'mul' });
time('binary mul, per channel, channels-first', 'binary', [first, t([64, 1, 1])], { kind: 'mul' });
time('binary mul, per channel, channels-last', 'binary', [last, t([64])], { kind: 'mul' });
time('binary mul, per sample and channel, first', 'binary', [first, t([8, 64, 1, 1])], { kind: 'mul' });
time('binary mul, per sample and channel, last', 'binary', [last, t([8, 1, 1, 64])], { kind: 'mul' });
time('binary mul, per channel, first, 3×3', 'binary', [t([8, 1280, 3, 3]), t([1280, 1, 1])], { kind: 'mul' });
time('binary add, int32', 'binary', [t([8, 64, 28, 28], 'int32'), t([], 'int32')], { kind: 'add' });
time('compare greater, scalar', 'compare', [first, t([])], { kind: 'greater' });
time('compare equal, int32', 'compare', [t([64, 100, 1], 'int32'), t([100], 'int32')], { kind: 'equal' });
time('select, scalar', 'select', [t(first.shape as number[], 'bool'), first, t([])], {});
time('cast float32 → int32', 'cast', [first], { dtype: 'int32' });
time('cast bool → float32', 'cast', [t(first.shape as number[], 'bool')], { dtype: 'float32' });

const sum = (axes: number[]) => ({ kind: 'sum' as const, axes, keepDims: false });
time('sum, all', 'reduce', [first], sum([0, 1, 2, 3]));
time('sum per channel, channels-first', 'reduce', [first], sum([0, 2, 3]));
time('sum per channel, channels-last', 'reduce', [last], sum([0, 1, 2]));
time('sum per channel, first, 3×3', 'reduce', [t([16, 1280, 3, 3])], sum([0, 2, 3]));
time('sum over positions, channels-first', 'reduce', [first], sum([2, 3]));
time('sum over positions, channels-last', 'reduce', [last], sum([1, 2]));
time('sum over rows of 10', 'reduce', [t([10000, 10])], sum([1]));
time('max over rows of 1000', 'reduce', [t([400, 1000])], { kind: 'max', axes: [1], keepDims: false });
time('argmax over rows of 1000', 'reduce', [t([400, 1000])], { kind: 'argmax', axes: [1], keepDims: false });
time('max over positions, channels-last', 'reduce', [last], { kind: 'max', axes: [1, 2], keepDims: false });

time('transpose NCHW → NHWC', 'transpose', [first], { perm: [0, 2, 3, 1] });
time('transpose NHWC → NCHW', 'transpose', [last], { perm: [0, 3, 1, 2] });
time('transpose 1000×1000', 'transpose', [t([1000, 1000])], { perm: [1, 0] });
time('slice, half of the channels', 'slice', [first], {
  start: [0, 16, 0, 0],
  size: [8, 32, 28, 28],
  step: [1, 1, 1, 1],
});
time('slice, every other column', 'slice', [first], {
  start: [0, 0, 0, 0],
  size: [8, 64, 28, 14],
  step: [1, 1, 1, 2],
});
time('pad by 1', 'pad', [first], {
  before: [0, 0, 1, 1],
  after: [0, 0, 1, 1],
  interior: [0, 0, 0, 0],
  value: 0,
});
time('concat on channels', 'concat', [first, first], { axis: 1 });
time('concat on channels, last', 'concat', [last, last], { axis: 3 });
time('broadcastTo, per channel', 'broadcastTo', [t([64, 1, 1])], { shape: [8, 64, 28, 28] });
time('gather rows', 'gather', [t([8, 1024]), t([256], 'int32')], { axis: 0 });

const pool = {
  kernel: [3, 3],
  stride: [2, 2],
  padding: [
    [1, 1],
    [1, 1],
  ],
  dilation: [1, 1],
  ceilMode: false,
} as const;
for (const [name, layout, x, y] of [
  ['first', 'channels-first', first, t([8, 64, 14, 14])],
  ['last', 'channels-last', last, t([8, 14, 14, 64])],
] as const) {
  time(`maxPool 3×3 /2, ${name}`, 'maxPool', [x], { ...pool, layout });
  time(`maxPoolGrad 3×3 /2, ${name}`, 'maxPoolGrad', [x, y], { ...pool, layout });
  time(`avgPool 3×3 /2, ${name}`, 'avgPool', [x], { ...pool, layout, countIncludePad: true });
  time(`avgPoolGrad 3×3 /2, ${name}`, 'avgPoolGrad', [y], {
    ...pool,
    layout,
    countIncludePad: true,
    inputSize: [28, 28],
  });
}

const plain = { transposeA: false, transposeB: false };
time('matmul 256×256×256 (per output)', 'matmul', [t([256, 256]), t([256, 256])], plain);
time('matmul 32×1280×1000 (per output)', 'matmul', [t([32, 1280]), t([1280, 1000])], plain);
time('matmul 1×1280×1000 (per output)', 'matmul', [t([1, 1280]), t([1280, 1000])], plain);
time('matmul 1×1280×1000ᵀ (per output)', 'matmul', [t([1, 1280]), t([1000, 1280])], {
  ...plain,
  transposeB: true,
});
