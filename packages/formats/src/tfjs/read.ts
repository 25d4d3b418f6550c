import { unknownName } from '@graftjs/core/extend';
import { FormatError } from '../errors.ts';
import { dtypeOf } from '../graph/element.ts';
import type { Value } from '../graph/lowering.ts';
import type { NetworkInput, ReadGraph } from '../graph/network.ts';
import { inOrder } from '../graph/order.ts';
import { pruned } from '../graph/simplify.ts';
import { isRecord } from '../json.ts';
import { foreignFile } from '../sniff/sniff.ts';
import { dotted, TfLowering, typeOf } from './lower.ts';
import { attrShape, attrType, readTfNodes, type TfNode } from './node.ts';
import { translations } from './ops.ts';
import { readTfjsWeights } from './weights.ts';

export interface TfjsOptions {
  /** Nodes wanted. Default: the outputs of the model's signature, or the nodes that nobody uses. What they do not need is left out. */
  readonly outputs?: readonly string[];
}

/** Loops and branches, the first by edges that go back. */
const CONTROL = new Map([
  ...['Enter', 'Exit', 'Merge', 'Switch', 'NextIteration', 'LoopCond', 'RefEnter', 'RefExit', 'RefMerge'].map(
    (op) => [op, 'part of a loop or a branch'] as const,
  ),
  ...['While', 'StatelessWhile'].map((op) => [op, 'a loop'] as const),
  ...['If', 'StatelessIf', 'Case', 'StatelessCase'].map((op) => [op, 'a branch'] as const),
]);

/**
 * Reads a TensorFlow.js graph model, as `tensorflowjs_converter --output_format=tfjs_graph_model` writes it. Node names
 * become dotted paths ('a/b/c' → 'a.b.c'), weights go into Graft's layout, batch norm that the converter has folded
 * into a convolution is simply its weight and bias: all of it is trainable. What follows from constants alone is computed.
 * @param model the parsed `model.json`.
 * @param weights the shards that its weightsManifest lists, joined in order, or one by one.
 * @throws FormatError on malformed input; UnsupportedOpsError that lists every operation which is needed and missing, loops
 * and branches among them.
 */
export function readTfjsGraphModel(
  model: unknown,
  weights: Uint8Array | readonly Uint8Array[],
  options: TfjsOptions = {},
): ReadGraph {
  if (!isRecord(model)) throw new FormatError('the model JSON is not an object');
  const topology = model['modelTopology'];
  if (!isRecord(topology) || !Array.isArray(topology['node'])) {
    const foreign = foreignFile(outline(model), ['tfjs-graph', 'json'], 'a graph-model');
    if (foreign) throw foreign;
  }
  const { nodes, controls } = readTfNodes(topology);
  const constants = readTfjsWeights(model['weightsManifest'], joined(weights));
  const outputs = (options.outputs ?? defaultOutputs(model, nodes, controls)).map((o) =>
    o.replace(/:0$/, ''),
  );
  const order = needed(nodes, outputs);
  const counts = outputCounts(order, outputs);

  const to = new TfLowering();
  const inputs: NetworkInput[] = [];
  for (const node of order) {
    const fallback = node.op === 'PlaceholderWithDefault' ? defaultOf(node, to) : null;
    if (fallback) to.bind(node.name, fallback);
    else if (node.op === 'Placeholder' || node.op === 'PlaceholderWithDefault') {
      const element = typeOf(attrType(node, 'dtype')) ?? 'float32';
      to.bindInput(node.name, dotted(node.name), element);
      const shape = attrShape(node, 'shape')?.map((d) => (d < 0 ? '' : d)) ?? null;
      const name = to.inputs.at(-1)!;
      inputs.push({ name, shape, dtype: dtypeOf(element), isByte: element === 'uint8' });
    } else if (node.op === 'Const') {
      const value = constants.get(node.name);
      if (!value) throw new FormatError(`the constant '${node.name}' has no weights in the manifest`);
      to.bindWeight(node.name, value);
    } else translate(node, to, counts.get(node.name) ?? 1);
  }
  return { ...pruned(to.finished(outputs)), inputs, outputs };
}

/** A number that nobody feeds, such as whether the network is trained. */
function defaultOf(node: TfNode, to: TfLowering): Value | null {
  const name = node.inputs[0];
  const value = name !== undefined && to.has(name) ? to.value(name) : 'missing';
  return value !== 'missing' && value.kind === 'constant' && !value.array.shape.length ? value : null;
}

/** How many outputs of each node somebody asks for: 'split:2' is the third of 'split'. */
function outputCounts(order: readonly TfNode[], outputs: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of [...order.flatMap((n) => n.inputs), ...outputs]) {
    const [, source, output] = /^(.*):(\d{1,4})$/.exec(name) ?? [];
    if (source !== undefined) counts.set(source, Math.max(counts.get(source) ?? 1, Number(output) + 1));
  }
  return counts;
}

/** JSON with the texts and the names of a model's first two levels: what a kind of file is told by. */
function outline(model: Record<string, unknown>): Uint8Array {
  const short = (v: unknown): unknown =>
    isRecord(v) ? Object.fromEntries(Object.keys(v).map((key) => [key, 0])) : typeof v === 'string' ? v : 0;
  return new TextEncoder().encode(
    JSON.stringify(Object.fromEntries(Object.entries(model).map(([key, v]) => [key, short(v)]))),
  );
}

function joined(parts: Uint8Array | readonly Uint8Array[]): Uint8Array {
  if (parts instanceof Uint8Array) return parts;
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) {
    out.set(p, at);
    at += p.length;
  }
  return out;
}

const WITHOUT_OUTPUT = new Set(['NoOp', 'Assert', 'Print', 'PrintV2']);

/** The signature's, or what nobody uses and gives something. */
function defaultOutputs(
  model: Record<string, unknown>,
  nodes: ReadonlyMap<string, TfNode>,
  controls: ReadonlySet<string>,
): string[] {
  const signature = model['signature'];
  const outputs = isRecord(signature) ? signature['outputs'] : undefined;
  if (isRecord(outputs)) {
    const names = Object.values(outputs).map((o) => (isRecord(o) ? o['name'] : undefined));
    if (names.length && names.every((n) => typeof n === 'string')) return names;
  }
  const used = new Set([...nodes.values()].flatMap((n) => n.inputs.map((i) => i.replace(/:\d+$/, ''))));
  return [...nodes.values()]
    .filter(({ name, op }) => !used.has(name) && !controls.has(name) && !WITHOUT_OUTPUT.has(op))
    .map(({ name }) => name);
}

/** The nodes that `outputs` need, inputs before users. @throws FormatError on cycles and names that do not exist. */
function needed(nodes: ReadonlyMap<string, TfNode>, outputs: readonly string[]): TfNode[] {
  const source = (name: string): string => name.replace(/:\d+$/, '');
  const sources = outputs.map(source);
  for (const output of sources) if (!nodes.has(output)) throw unknownName('node', output, nodes.keys());
  return inOrder(
    sources.map((name) => nodes.get(name)!),
    // What leads into a loop leads out of it again: it is refused as what it is.
    ({ name, op, inputs }) =>
      CONTROL.has(op)
        ? []
        : inputs.map((input) => {
            const node = nodes.get(source(input));
            if (!node) throw new FormatError(`node '${name}' takes '${source(input)}', which does not exist`);
            return [node, node.name];
          }),
  );
}

function translate(node: TfNode, to: TfLowering, count: number): void {
  const { name, op, inputs } = node;
  const outputs = Array.from({ length: count }, (_, i) => (i ? `${name}:${i}` : name));
  const translation = Object.hasOwn(translations, op) ? translations[op] : undefined;
  const say =
    translation &&
    (() => {
      to.beginAs({ inputs, outputs }, dotted(name));
      translation(node, to);
    });
  to.translate(op, name, outputs, say, CONTROL.get(op));
}
