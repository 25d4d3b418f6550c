import { perfCases } from '@graftjs/conformance';
import { primitiveCases } from './primitive-cases.ts';
import type { StepName } from './steps.ts';
import type { BenchCase, ConvGeometry, ConvPass } from './work.ts';

/** name, batch, channels, extent of each axis, filters, kernel, stride, groups. */
type Layer = readonly [string, number, number, number, number, number, number, number];

// prettier-ignore
const dense: readonly Layer[] = [
  ['3×3 64→64 at 56²',                 1,  64,  56,   64, 3, 1, 1],
  ['3×3 256→256 at 14²',               1, 256,  14,  256, 3, 1, 1],
  ['1×1 144→24 at 56²',                1, 144,  56,   24, 1, 1, 1],
  ['1×1 160→960 at 7²',                1, 160,   7,  960, 1, 1, 1],
  ['3×3 32→32 at 32², batch 16',      16,  32,  32,   32, 3, 1, 1],
  ['7×7 3→64 /2 at 224²',              1,   3, 224,   64, 7, 2, 1],
];

// prettier-ignore
const depthwise: readonly Layer[] = [
  ['depthwise 3×3 144 at 56²',         1, 144,  56,  144, 3, 1, 144],
  ['depthwise 3×3 144 /2 at 56²',      1, 144,  56,  144, 3, 2, 144],
];

/** Further shapes: small pictures, few channels, groups, several samples. */
// prettier-ignore
const shapes: readonly Layer[] = [
  ['3×3 128→128 at 14², batch 4',      4, 128,  14,  128, 3, 1, 1],
  ['3×3 64→128 /2 at 28², batch 4',    4,  64,  28,  128, 3, 2, 1],
  ['3×3 3→32 /2 at 96², batch 4',      4,   3,  96,   32, 3, 2, 1],
  ['3×3 128→128 in 32 groups at 28²',  2, 128,  28,  128, 3, 1, 32],
  ['1×1 32→16 at 48², batch 4',        4,  32,  48,   16, 1, 1, 1],
  ['1×1 96→24 at 24², batch 8',        8,  96,  24,   24, 1, 1, 1],
  ['1×1 384→96 at 6², batch 16',      16, 384,   6,   96, 1, 1, 1],
  ['1×1 320→1280 at 3², batch 16',    16, 320,   3, 1280, 1, 1, 1],
  ['1×1 960→160 at 7²',                1, 960,   7,  160, 1, 1, 1],
  ['depthwise 3×3 32 at 48²',          4,  32,  48,   32, 3, 1, 32],
  ['depthwise 3×3 144 /2 at 24²',      8, 144,  24,  144, 3, 2, 144],
  ['depthwise 3×3 384 at 14²',         1, 384,  14,  384, 3, 1, 384],
  ['depthwise 3×3 960 at 7²',          1, 960,   7,  960, 3, 1, 960],
  ['depthwise 3×3 960 at 1²',         16, 960,   1,  960, 3, 1, 960],
  ['depthwise 3×3 384 at 6²',         16, 384,   6,  384, 3, 1, 384],
  ['depthwise 3×3 960 at 3²',         16, 960,   3,  960, 3, 1, 960],
  ['depthwise 5×5 64 at 28²',          4,  64,  28,   64, 5, 1, 64],
  ['depthwise ×2 3×3 32→64 at 28²',    4,  32,  28,   64, 3, 1, 32],
];

const PASSES: readonly ConvPass[] = ['forward', 'input gradient', 'weight gradient'];

function conv(group: string, name: string, geometry: ConvGeometry): BenchCase[] {
  return PASSES.map((pass) => ({ group: `${group} ${pass}`, name, work: { kind: 'conv', pass, geometry } }));
}

function layer(group: string, of: Layer, rank = 2): BenchCase[] {
  const [name, batch, channels, extent, filters, kernel, stride, groups] = of;
  const each = (n: number): number[] => new Array<number>(rank).fill(n);
  return conv(group, name, {
    batch,
    channels,
    filters,
    stride,
    groups,
    size: each(extent),
    kernel: each(kernel),
  });
}

const convs: readonly BenchCase[] = [
  ...dense.flatMap((l) => layer('convolution', l)),
  ...depthwise.flatMap((l) => layer('depthwise', l)),
  ...shapes.flatMap((l) => layer('other shapes', l)),
  ...layer('other shapes', ['1-D 9 64→64 at 400', 4, 64, 400, 64, 9, 1, 1], 1),
  ...layer('other shapes', ['3-D 3×3×3 16→16 at 16³', 2, 16, 16, 16, 3, 1, 1], 3),
];

const step = (group: string, name: string, of: StepName): BenchCase => ({
  group,
  name,
  work: { kind: 'step', step: of },
});

const networks: readonly BenchCase[] = [
  step('training steps', '32C3-64C3-pool-128-10, 28², batch 32, Adam', 'cnn'),
  step('training steps', '32C3-64C3-pool-128-10, 28², batch 8, Adam', 'cnn, batch 8'),
  step('training steps', 'MobileNetV2, 96², batch 16, SGD', 'mobilenet-v2'),
  step('training steps', 'ResNet-18, 64², batch 16, SGD', 'resnet-18'),
  step('training steps', 'MobileNetV2, 96², batch 2, SGD', 'mobilenet-v2, batch 2'),
  step('training steps', 'ResNet-18, 64², batch 2, SGD', 'resnet-18, batch 2'),
  step('features', 'the embedded base, 224², batch 16 (PyTorch: MobileNetV2)', 'features'),
  step('features', 'MobileNetV2, 224², batch 16', 'mobilenet-v2 features'),
  step('forward passes', 'MobileNetV2 ×1.4, 224², its own layers', 'mobilenet-v2 forward'),
  step('forward passes', "MobileNetV2 ×1.4, 224², nsfwjs's file", 'nsfw forward'),
];

/** Layers of well-known networks, from the conformance suite: Graft's backends alone. */
const layers: readonly BenchCase[] = perfCases.map((c) => ({
  group: `layers ${c.layout ?? 'dense'}`,
  name: c.name,
  work: { kind: 'case', case: c },
}));

/** All that is measured, in the order of the report. */
export const benchCases: readonly BenchCase[] = [...convs, ...primitiveCases, ...layers, ...networks];
