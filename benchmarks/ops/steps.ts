import {
  adam,
  compile,
  Conv2d,
  crossEntropy,
  Flatten,
  Linear,
  manualSeed,
  MaxPool2d,
  noGrad,
  ReLU,
  scope,
  Sequential,
  sgd,
  tensor,
  valueAndGrad,
  type Backend,
  type Layout,
  type Module,
  type Optimizer,
  type Shape,
  type Tensor,
} from '@graftjs/core';
import { stageRange } from '@graftjs/core/extend';
import { GraphModule, readTfjsGraphModel } from '@graftjs/formats';
import { mobilenetV2, resnet18 } from '@graftjs/models';
import { permuted, random, toLast } from './data.ts';
import type { Task } from './task.ts';

interface Step {
  readonly input: Shape;
  readonly classes: number;
  readonly training: boolean;
  /** Null where this step has one layout only and it is another. */
  readonly build: (layout: Layout, backend: Backend) => Promise<Module | null>;
  readonly optimizer?: () => Optimizer;
  /** The weights that read what Flatten gives, and how many channels it had: their order depends on the layout. */
  readonly flat?: { readonly weights: string; readonly channels: number };
}

/** The size of the input of width 1.4: nsfwjs's model has it. */
const NSFW_WIDTH = 1.4;
export const NSFW_CLASSES = 5;

/** 32C3-64C3-pool-128-10 for 28×28: what `cnn` is in every library. */
function smallCnn(layout: Layout, backend: Backend): Sequential {
  return new Sequential([
    new Conv2d(1, 32, 3, { layout, backend }),
    new ReLU(),
    new Conv2d(32, 64, 3, { layout, backend }),
    new ReLU(),
    new MaxPool2d(2, { layout }),
    new Flatten(),
    new Linear(12 * 12 * 64, 128, { backend }),
    new ReLU(),
    new Linear(128, 10, { backend }),
  ]);
}

const cnn = (batch: number) =>
  ({
    input: [batch, 1, 28, 28],
    classes: 10,
    training: true,
    build: async (layout: Layout, backend: Backend) => smallCnn(layout, backend),
    optimizer: () => adam({ lr: 1e-3 }),
    flat: { weights: '6.weight', channels: 64 },
  }) as const;

const mobilenet = (batch: number) =>
  ({
    input: [batch, 3, 96, 96],
    classes: 1000,
    training: true,
    // Without dropout, which takes no time, so that losses can be compared.
    build: async (layout: Layout, backend: Backend) => mobilenetV2({ layout, dropout: 0 }, { backend }),
    optimizer: () => sgd({ lr: 0.01 }),
  }) as const;

const resnet = (batch: number) =>
  ({
    input: [batch, 3, 64, 64],
    classes: 1000,
    training: true,
    build: async (layout: Layout, backend: Backend) => resnet18({ layout }, { backend }),
    optimizer: () => sgd({ lr: 0.01 }),
  }) as const;

/** Steps by name. Those of training and the features are `STEPS` of pytorch.py, too. */
export const steps = {
  cnn: cnn(32),
  'cnn, batch 8': cnn(8),
  'mobilenet-v2': mobilenet(16),
  'mobilenet-v2, batch 2': mobilenet(2),
  'resnet-18': resnet(16),
  'resnet-18, batch 2': resnet(2),
  /** What transfer learning runs once for each picture: the embedded base up to its cut. */
  features: {
    input: [16, 3, 224, 224],
    classes: 1,
    training: false,
    build: async (layout, backend) => {
      const { loadBase } = await import('@graftjs/models/node');
      const { model, defaultCut } = await loadBase('coco-mobilenet-v3', { backend, size: 224 });
      const stages = stageRange(model, { to: defaultCut! });
      return layout === 'channels-last' ? new Sequential(stages.map((s) => s.module)) : null;
    },
  },
  /** What PyTorch runs beside it. */
  'mobilenet-v2 features': {
    input: [16, 3, 224, 224],
    classes: 1000,
    training: false,
    build: async (layout, backend) => mobilenetV2({ layout }, { backend }),
  },
  /** The same architecture as `nsfw`, written with Graft's layers. */
  'mobilenet-v2 forward': {
    input: [1, 3, 224, 224],
    classes: NSFW_CLASSES,
    training: false,
    build: async (layout, backend) =>
      mobilenetV2({ layout, width: NSFW_WIDTH, classes: NSFW_CLASSES }, { backend }),
  },
  /** nsfwjs's MobileNetV2 as it is in the file, batch norm folded. */
  'nsfw forward': {
    input: [1, 3, 224, 224],
    classes: NSFW_CLASSES,
    training: false,
    build: async (layout, backend) => {
      if (layout === 'channels-first') return null;
      const { readNsfwModel } = await import('./nsfw.ts');
      const { model, weights } = await readNsfwModel();
      const { graph, weights: values } = readTfjsGraphModel(model, weights);
      return new GraphModule(graph, values, { backend });
    },
  },
} as const satisfies Record<string, Step>;

export type StepName = keyof typeof steps;

/** Class of each sample: 0, 1, 2, … */
export function labelsOf({ input, classes }: Pick<Step, 'input' | 'classes'>): Int32Array {
  return Int32Array.from({ length: input[0]! }, (_, i) => i % classes);
}

/**
 * Values of the i-th parameter that is trained, the same for every library: weights uniform as PyTorch's, biases 0; null
 *  for factors, which start at 1. Weights that read what Flatten gives are in the order of channels last.
 */
export function startOf(name: string, shape: Shape, i: number): Float32Array | null {
  const size = shape.reduce((n, d) => n * d, 1);
  if (shape.length === 1) return name.endsWith('bias') ? new Float32Array(size) : null;
  const scale = Math.sqrt(shape[0]! / size);
  return random(size, i + 1).map((v) => v * scale);
}

function start(model: Module, { flat }: Step, layout: Layout): void {
  const state = [...model.namedParameters()].flatMap(([name, { value }], i) => {
    const { shape } = value;
    let data = startOf(name, shape, i);
    if (!data) return [];
    if (flat?.weights === name && layout === 'channels-first') {
      const [out, columns] = shape as [number, number];
      data = permuted(data, [out, columns / flat.channels, flat.channels], [0, 2, 1]);
    }
    return [[name, { shape, data }] as const];
  });
  model.loadStateDict(new Map(state), { strict: false });
}

/**
 * One training step, or one forward pass, on one of Graft's backends: compiled, where it takes graphs whole, or as asked.
 * Null where it has no such layout.
 */
export async function graftStep(
  name: StepName,
  layout: Layout,
  backend: Backend,
  whole: boolean = backend.compile !== undefined,
): Promise<Task | null> {
  const step: Step = steps[name];
  manualSeed(1);
  const model = await step.build(layout, backend);
  if (!model) return null;
  const values = random(step.input.reduce((n, d) => n * d));
  const [n, c, ...size] = step.input as [number, number, ...number[]];
  const x =
    layout === 'channels-first'
      ? tensor(values, step.input, { backend })
      : tensor(toLast(values, step.input), [n, ...size, c], { backend });
  const labels = tensor(labelsOf(step), [n], { dtype: 'int32', backend });
  const optimizer = step.optimizer?.();
  if (optimizer) start(model, step, layout);
  model.train(step.training);
  const eager = optimizer
    ? trainer(model, optimizer)
    : (input: Tensor): Tensor => noGrad(() => model.forward(input));
  const compiled = whole ? compile(eager, { captured: 'all' }) : null;
  const run = (): void => void scope(() => (compiled ?? eager)(x, labels).shape);
  return {
    run,
    ...(!backend.readSync && { finish: () => backend.flush() }),
    ...(optimizer && {
      /** The loss before and after the first step. */
      async result() {
        const losses = scope(() => [0, 1].map(() => (compiled ?? eager)(x, labels)));
        const values = await Promise.all(losses.map((loss) => loss.data()));
        for (const loss of losses) loss.dispose();
        return values.map(([value]) => value!);
      },
    }),
    dispose() {
      compiled?.dispose();
      model.dispose();
      optimizer?.dispose();
      x.dispose();
      labels.dispose();
    },
  };
}

function trainer(model: Module, optimizer: Optimizer): (x: Tensor, labels: Tensor) => Tensor {
  const named = [...model.namedParameters()].map(([name, parameter]) => ({ name, parameter }));
  const parameters = named.map(({ parameter }) => parameter);
  return (x, labels) => {
    const { value, grads } = valueAndGrad(() => crossEntropy(model.forward(x), labels), parameters);
    optimizer.step(named.map((p, i) => ({ ...p, grad: grads[i]! })));
    return value;
  };
}
