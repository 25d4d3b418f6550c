import {
  inputShape,
  scope,
  stagesOf,
  summarize,
  zeros,
  type BaseModel,
  type LayerSummary,
} from '@graftjs/core';
import { flag, number, required, text, type Values } from '../args.ts';
import { count, list } from '../format.ts';
import { oneLine, painter, type Io } from '../io.ts';
import { openBase, type OpenBase, OUTPUT_ARG } from '../model-files.ts';
import { BACKEND_ARGS, backendChoice, openBackend } from '../open-backend.ts';
import { Progress } from '../progress.ts';
import { pairs, table } from '../table.ts';
import type { Command } from './command.ts';

/** '35 px, every 8': how wide a window of the picture an output sees, and how far its neighbour's is moved. */
function field({ receptiveField: [first, ...others] }: LayerSummary): string {
  if (!first) return '';
  if (first.size === 0) return 'everything';
  const sizes = [first, ...others].every((f) => f.size === first.size)
    ? [first.size]
    : [first, ...others].map((f) => f.size);
  return `${sizes.join(' × ')} px, every ${first.jump}${first.global ? ', and everything' : ''}`;
}

function layersOf({ model, preprocess }: BaseModel): LayerSummary[] {
  return scope(() => summarize(model, zeros([1, ...inputShape(preprocess)]), preprocess.layout));
}

/** What a base takes, and how that is known. */
function valuesOf({ base: { preprocess }, seen }: OpenBase): string {
  const { mean, std } = preprocess;
  const all = (v: readonly number[], x: number): boolean => v.every((d) => Math.abs(d - x) < 1e-6);
  const range = !all(mean, 0) ? null : all(std, 1 / 255) ? '0 … 255' : all(std, 1) ? '0 … 1' : null;
  const numbers = (v: readonly number[]): string => v.map((d) => Number(d.toPrecision(3))).join(', ');
  const said = range ?? `(0 … 1 less ${numbers(mean)}) / ${numbers(std)}`;
  return seen ? `${said} (seen in its first nodes)` : said;
}

function show(opened: OpenBase, layers: readonly LayerSummary[], io: Io): string {
  const { base, classes, outputs, preprocessAssumed = false } = opened;
  const paint = painter(io.stdout, io.env);
  const stages = new Set(stagesOf(base.model).map((s) => s.name));
  const weights = base.model.parameters().map((p) => ({ n: p.value.size, locked: p.locked }));
  const total = weights.reduce((a, w) => a + w.n, 0);
  const locked = weights.reduce((a, w) => a + (w.locked ? w.n : 0), 0);
  const p = base.preprocess;
  const head = pairs([
    ['model', oneLine(base.name)],
    ...(classes ? [['classes', `${classes.length}: ${list(classes.map(oneLine), 20)}`] as const] : []),
    [
      'input',
      `${p.size} × ${p.size} pixels, ${p.fit}, ${p.layout}${preprocessAssumed ? ' (assumed: the file does not say)' : ''}`,
    ],
    ['values', valuesOf(opened)],
    ...(outputs ? [['outputs', list(outputs.map(oneLine), 20)] as const] : []),
    ['parameters', `${count(total)}${locked ? `, ${count(locked)} locked` : ''}`],
    ...(base.defaultCut === undefined ? [] : [['usual cut', base.defaultCut] as const]),
    ...(base.licence === undefined ? [] : [['licence', oneLine(base.licence)] as const]),
  ]);
  const right = { right: true };
  const columns = [
    { title: 'layer' },
    { title: 'kind' },
    { title: 'output', ...right },
    { title: 'parameters', ...right },
    { title: 'locked' },
    { title: 'sees' },
  ];
  const rows = layers.map((l) => [
    // a stage, where the network can be cut, is marked
    `${stages.has(l.name) ? '*' : ' '} ${'  '.repeat(l.depth)}${oneLine(l.name)}`,
    l.kind,
    l.outputShape.slice(1).join(' × '),
    l.parameters ? count(l.parameters) : '',
    l.locked ? 'yes' : '',
    field(l),
  ]);
  const legend =
    "* a layer that --cut and --unlock-from take. 'sees': the window of the picture that one output looks at";
  return `${head}\n\n${table(columns, rows)}\n\n${paint('dim', legend)}`;
}

function toJson(
  { base, classes, preprocessAssumed = false, seen = false, outputs }: OpenBase,
  layers: readonly LayerSummary[],
): unknown {
  const stages = new Set(stagesOf(base.model).map((s) => s.name));
  const { name, preprocess, defaultCut, licence } = base;
  return {
    name,
    classes: classes ?? null,
    preprocess,
    preprocessAssumed,
    preprocessSeen: seen,
    outputs: outputs ?? null,
    defaultCut: defaultCut ?? null,
    licence: licence ?? null,
    parameters: base.model.parameters().reduce((a, p) => a + p.value.size, 0),
    layers: layers.map(({ outputShape, depth, ...l }) => ({
      ...l,
      outputShape: outputShape.slice(1),
      depth,
      cut: stages.has(l.name),
    })),
  };
}

export const inspect: Command = {
  summary: 'List the layers of a model or a base',
  args: {
    model: { type: 'positional', description: 'A model file, or the name of a base' },
    weights: { type: 'string', valueHint: 'FILE|URL', description: 'Weights for a base that comes without' },
    output: OUTPUT_ARG,
    size: { type: 'string', valueHint: 'PIXELS', description: "Side of the picture (the model's own)" },
    ...BACKEND_ARGS,
    json: { type: 'boolean', description: 'One JSON object on standard output' },
  },
  examples: ['graft inspect model.safetensors', 'graft inspect coco-mobilenet-v3 --size 160'],
  async run(given: Values, io: Io) {
    const what = required(given, 'model', 'the model, or the name of a base,');
    const size = number(given, 'size', { min: 32, max: 1024, whole: true }) ?? null;
    const weights = text(given, 'weights') ?? null;
    const progress = new Progress(io);
    const { backend } = await openBackend(backendChoice(given), (note) => progress.say(note));
    try {
      const output = text(given, 'output') ?? null;
      const opened = await openBase(what, { size, weights, output }, (note) => progress.say(note));
      const { base } = opened;
      const layers = layersOf(base);
      io.stdout.write(
        flag(given, 'json') ? `${JSON.stringify(toJson(opened, layers))}\n` : `${show(opened, layers, io)}\n`,
      );
    } finally {
      await backend.dispose();
    }
  },
};
