// GFLOP/s of convolutions, forward and both gradients. From the repository's root:
//   node --conditions=@graftjs/source --import tsx packages/backend-wasm/bench/conv.ts [part of a name]
import { primitives, sizeOf, type Layout, type OpAttrs, type OpName, type TensorSpec } from '@graftjs/core';
import { createWasmBackend } from '../src/index.ts';
import { random, seconds } from './measure.ts';

interface Case {
  readonly name: string;
  readonly batch: number;
  readonly channels: number;
  readonly size: readonly number[];
  readonly out: number;
  readonly kernel: readonly number[];
  readonly stride?: number;
  readonly groups?: number;
}

const k = (n: number, rank = 2): number[] => new Array<number>(rank).fill(n);
const cases: Case[] = [
  { name: '3×3 64→64 at 56×56', batch: 1, channels: 64, size: k(56), out: 64, kernel: k(3) },
  { name: '3×3 256→256 at 14×14', batch: 1, channels: 256, size: k(14), out: 256, kernel: k(3) },
  { name: '3×3 32→32 at 32×32', batch: 16, channels: 32, size: k(32), out: 32, kernel: k(3) },
  { name: '1×1 144→24 at 56×56', batch: 1, channels: 144, size: k(56), out: 24, kernel: k(1) },
  { name: '1×1 160→960 at 7×7', batch: 1, channels: 160, size: k(7), out: 960, kernel: k(1) },
  { name: '7×7 3→64 /2 at 224×224', batch: 1, channels: 3, size: k(224), out: 64, kernel: k(7), stride: 2 },
  { name: '3×3 128→128 at 14×14', batch: 4, channels: 128, size: k(14), out: 128, kernel: k(3) },
  { name: '3×3 64→128 /2 at 28×28', batch: 4, channels: 64, size: k(28), out: 128, kernel: k(3), stride: 2 },
  { name: '3×3 3→32 /2 at 96×96', batch: 4, channels: 3, size: k(96), out: 32, kernel: k(3), stride: 2 },
  { name: '7×7 3→64 /2 at 112×112', batch: 1, channels: 3, size: k(112), out: 64, kernel: k(7), stride: 2 },
  {
    name: '3×3 128→128 in 32 groups at 28×28',
    batch: 2,
    channels: 128,
    size: k(28),
    out: 128,
    kernel: k(3),
    groups: 32,
  },
  { name: '1×1 32→16 at 48×48', batch: 4, channels: 32, size: k(48), out: 16, kernel: k(1) },
  { name: '1×1 96→24 at 24×24', batch: 8, channels: 96, size: k(24), out: 24, kernel: k(1) },
  { name: '1×1 384→96 at 6×6', batch: 16, channels: 384, size: k(6), out: 96, kernel: k(1) },
  { name: '1×1 320→1280 at 3×3', batch: 16, channels: 320, size: k(3), out: 1280, kernel: k(1) },
  { name: '1×1 960→160 at 7×7', batch: 1, channels: 960, size: k(7), out: 160, kernel: k(1) },
  {
    name: 'depthwise 3×3 144 at 56×56',
    batch: 1,
    channels: 144,
    size: k(56),
    out: 144,
    kernel: k(3),
    groups: 144,
  },
  {
    name: 'depthwise 3×3 144 /2 at 56×56',
    batch: 1,
    channels: 144,
    size: k(56),
    out: 144,
    kernel: k(3),
    stride: 2,
    groups: 144,
  },
  {
    name: 'depthwise 3×3 384 at 14×14',
    batch: 1,
    channels: 384,
    size: k(14),
    out: 384,
    kernel: k(3),
    groups: 384,
  },
  {
    name: 'depthwise 3×3 960 at 7×7',
    batch: 1,
    channels: 960,
    size: k(7),
    out: 960,
    kernel: k(3),
    groups: 960,
  },
  {
    name: 'depthwise 3×3 32 at 48×48',
    batch: 4,
    channels: 32,
    size: k(48),
    out: 32,
    kernel: k(3),
    groups: 32,
  },
  {
    name: 'depthwise 3×3 144 /2 at 24×24',
    batch: 8,
    channels: 144,
    size: k(24),
    out: 144,
    kernel: k(3),
    stride: 2,
    groups: 144,
  },
  {
    name: 'depthwise 3×3 384 at 6×6',
    batch: 16,
    channels: 384,
    size: k(6),
    out: 384,
    kernel: k(3),
    groups: 384,
  },
  {
    name: 'depthwise 3×3 960 at 3×3',
    batch: 16,
    channels: 960,
    size: k(3),
    out: 960,
    kernel: k(3),
    groups: 960,
  },
  {
    name: 'depthwise 3×3 960 at 1×1',
    batch: 16,
    channels: 960,
    size: k(1),
    out: 960,
    kernel: k(3),
    groups: 960,
  },
  {
    name: 'depthwise 5×5 64 at 28×28',
    batch: 4,
    channels: 64,
    size: k(28),
    out: 64,
    kernel: k(5),
    groups: 64,
  },
  {
    name: 'depthwise ×2 3×3 32→64 at 28×28',
    batch: 4,
    channels: 32,
    size: k(28),
    out: 64,
    kernel: k(3),
    groups: 32,
  },
  { name: '1-D 9 64→64 at 400', batch: 4, channels: 64, size: [400], out: 64, kernel: [9] },
  { name: '3-D 3×3×3 16→16 at 16×16×16', batch: 2, channels: 16, size: k(16, 3), out: 16, kernel: k(3, 3) },
];

const backend = await createWasmBackend();
const filter = process.argv[2] ?? '';
console.log(`${'GFLOP/s'.padEnd(38)} layout   forward  input-grad  weight-grad   all three`);
for (const c of cases.filter((each) => each.name.includes(filter))) {
  for (const layout of ['channels-first', 'channels-last'] as const) measure(c, layout);
}

function measure(c: Case, layout: Layout): void {
  const { groups = 1, stride = 1 } = c;
  const attrs = {
    stride: c.size.map(() => stride),
    dilation: c.size.map(() => 1),
    padding: c.kernel.map((n) => [Math.floor(n / 2), Math.floor(n / 2)] as const),
    groups,
    layout,
  };
  const spec = (shape: readonly number[]): TensorSpec => ({ dtype: 'float32', shape });
  const x = spec(
    layout === 'channels-first' ? [c.batch, c.channels, ...c.size] : [c.batch, ...c.size, c.channels],
  );
  const w = spec([c.out, c.channels / groups, ...c.kernel]);
  const y = primitives.conv.infer([x, w], attrs);
  const flops = primitives.conv.flops([x, w], attrs, y);
  const operand = (s: TensorSpec) => ({ spec: s, buffer: backend.upload(random(sizeOf(s.shape)), s) });
  const time = <N extends OpName>(op: N, inputs: TensorSpec[], a: OpAttrs[N], output: TensorSpec): number => {
    const operands = inputs.map(operand);
    return seconds(() => backend.run(op, operands, a, [output]).forEach((b) => backend.release(b)));
  };
  const times = [
    time('conv', [x, w], attrs, y),
    time('convInputGrad', [y, w], { ...attrs, inputSize: c.size }, x),
    time('convWeightGrad', [x, y], { ...attrs, kernelSize: c.kernel }, w),
  ];
  const total = times.reduce((a, b) => a + b);
  const show = (speed: number, width: number): string => (speed / 1e9).toFixed(2).padStart(width);
  const [f, gx, gw] = times.map((t) => flops / t) as [number, number, number];
  const kind = layout === 'channels-first' ? 'first' : 'last ';
  console.log(
    `${c.name.padEnd(38)} ${kind}  ${show(f, 9)} ${show(gx, 11)} ${show(gw, 12)} ${show((3 * flops) / total, 11)}`,
  );
}
