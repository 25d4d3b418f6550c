/**
 * Fused kernels beside their decompositions: nanoseconds per element, on one thread, in processor time. From this folder's
 * parent: node --conditions=@graftjs/source --import tsx ops/fused.ts [part of a name]
 */
import { createWasmBackend } from '@graftjs/backend-wasm';
import { fusedBy, withFused } from '@graftjs/conformance';
import { scope, sizeOf, tensor, type Shape, type Tensor } from '@graftjs/core';
import { type FusedAttrs, type FusedName, type FusedInputs } from '@graftjs/core/backend';
import { fusedComposites, type FusedComposite } from '@graftjs/core/extend';
import { random } from './data.ts';
import { interleave, median } from './measure.ts';

interface Case<N extends FusedName = FusedName> {
  readonly name: N;
  readonly what: string;
  readonly shapes: readonly Shape[];
  readonly attrs: FusedAttrs[N];
}

const sgdAttrs = { lr: 0.1, weightDecay: 1e-4, momentum: 0.9, dampening: 0, nesterov: false };
const adamAttrs = { rate: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0, shrink: 1 };

const cases: Case[] = [
  ...(['channels-first', 'channels-last'] as const).flatMap((layout) =>
    (
      [
        [32, 16, 48],
        [32, 96, 24],
        [32, 384, 6],
        [32, 64, 14],
        [32, 1280, 3],
        [8, 32, 112],
      ] as const
    ).flatMap(([n, c, size]): Case[] => {
      const x = layout === 'channels-first' ? [n, c, size, size] : [n, size, size, c];
      const attrs = { eps: 1e-5, layout };
      return [
        { name: 'batchNorm', what: `[${x.join(', ')}]`, shapes: [x, [c], [c]], attrs },
        { name: 'batchNormGrad', what: `[${x.join(', ')}]`, shapes: [x, x, [c], [c], [c]], attrs },
      ];
    }),
  ),
  ...(
    [
      [32, 10],
      [32, 1000],
      [2, 21, 64, 64],
    ] as const
  ).flatMap((shape): Case[] => [
    { name: 'softmaxCrossEntropy', what: `[${shape.join(', ')}]`, shapes: [shape, shape], attrs: {} },
    {
      name: 'softmaxCrossEntropyGrad',
      what: `[${shape.join(', ')}]`,
      shapes: [shape, shape, [shape[0], ...shape.slice(2)]],
      attrs: {},
    },
  ]),
  ...[[64], [96, 16, 1, 1], [1000, 1280], [256, 256, 3, 3]].flatMap((shape): Case[] => [
    { name: 'sgd', what: `[${shape.join(', ')}]`, shapes: [shape, shape, shape], attrs: sgdAttrs },
    { name: 'adam', what: `[${shape.join(', ')}]`, shapes: [shape, shape, shape, shape], attrs: adamAttrs },
  ]),
];

const backend = await createWasmBackend({ threads: 1 });
const plain = withFused(backend, undefined);
const filter = process.argv[2] ?? '';
const fused = fusedBy(backend);
for (const { name, what, shapes, attrs } of cases) {
  if (!`${name} ${what}`.includes(filter) || !fused.includes(name)) continue;
  const composite = fusedComposites[name] as FusedComposite<FusedName>;
  const tasks = [backend, plain].map((on) => {
    const inputs: Tensor[] = shapes.map((shape) =>
      tensor(random(sizeOf(shape)).map(Math.abs), shape, { backend: on }),
    );
    return {
      run: () =>
        scope(() => void composite.apply(inputs as unknown as FusedInputs<Tensor>[FusedName], attrs)),
      dispose: () => inputs.forEach((t) => t.dispose()),
    };
  });
  const [one, many] = (await interleave(tasks, { repeat: 9, clock: 'cpu', warm: 100, round: 10 })).map(
    median,
  ) as [number, number];
  for (const task of tasks) task.dispose();
  const perElement = [one, many].map((ms) => ((ms * 1e6) / sizeOf(shapes[0]!)).toFixed(2).padStart(9));
  console.log(`${name.padEnd(24)}${what.padEnd(20)}${perElement.join('')}  ×${(many / one).toFixed(1)}`);
}
await backend.dispose();
