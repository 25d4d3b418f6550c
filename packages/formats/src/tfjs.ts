import { unknownName } from '@graftjs/core';
import { FormatError, UnsupportedOpsError, type MissingOp } from './errors.ts';
import { graphFromJSON, type GraphWithWeights } from './graph.ts';
import { foreignFile } from './sniff/sniff.ts';
import { Lowering, Unsupported } from './tfjs-lower.ts';
import { readTfNodes, type TfNode } from './tfjs-node.ts';
import { translations } from './tfjs-ops.ts';
import { readTfjsWeights } from './tfjs-weights.ts';

export interface TfjsOptions {
  /** Nodes wanted. Default: the outputs of the model's signature, or the nodes that nobody uses. What they do not need is left out. */
  readonly outputs?: readonly string[];
}

const isRecord = (v: unknown): v is Record<string, unknown> =>
  typeof v === 'object' && v !== null && !Array.isArray(v);

/**
 * Reads a TensorFlow.js graph model, as `tensorflowjs_converter --output_format=tfjs_graph_model` writes it. Node names
 * become dotted paths ('a/b/c' → 'a.b.c'), weights go into Graft's layout, batch norm that the converter has folded
 * into a convolution is simply its weight and bias: all of it is trainable.
 * @param model the parsed `model.json`.
 * @param weights the shards that its weightsManifest lists, joined in order, or one by one.
 * @throws FormatError on malformed input; UnsupportedOpsError that lists every operation which is needed and missing.
 */
export function readTfjsGraphModel(
  model: unknown,
  weights: Uint8Array | readonly Uint8Array[],
  options: TfjsOptions = {},
): GraphWithWeights {
  if (!isRecord(model)) throw new FormatError('the model JSON is not an object');
  const topology = model['modelTopology'];
  if (!isRecord(topology) || !Array.isArray(topology['node'])) {
    const foreign = foreignFile(outline(model), ['tfjs-graph', 'json'], 'a graph-model');
    if (foreign) throw foreign;
  }
  const nodes = readTfNodes(topology);
  const constants = readTfjsWeights(model['weightsManifest'], joined(weights));
  const outputs = (options.outputs ?? defaultOutputs(model, nodes)).map((o) => o.replace(/:0$/, ''));
  const order = needed(nodes, outputs);

  const to = new Lowering();
  const inputs: string[] = [];
  const missing = new Map<string, MissingOp>();
  for (const node of order) {
    if (node.op === 'Placeholder' || node.op === 'PlaceholderWithDefault') {
      inputs.push(node.name);
      to.bind(node.name, node.name);
    } else if (node.op === 'Const') {
      const value = constants.get(node.name);
      if (!value) throw new FormatError(`the constant '${node.name}' has no weights in the manifest`);
      to.bind(node.name, value);
    } else translate(node, to, missing);
  }
  if (missing.size) throw new UnsupportedOpsError([...missing.values()]);
  if (!inputs.length) throw new FormatError('the wanted outputs do not depend on any input of the graph');
  return dotted(to, inputs, outputs);
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

function defaultOutputs(model: Record<string, unknown>, nodes: ReadonlyMap<string, TfNode>): string[] {
  const signature = model['signature'];
  const outputs = isRecord(signature) ? signature['outputs'] : undefined;
  if (isRecord(outputs)) {
    const names = Object.values(outputs).map((o) => (isRecord(o) ? o['name'] : undefined));
    if (names.length && names.every((n) => typeof n === 'string')) return names;
  }
  const used = new Set([...nodes.values()].flatMap((n) => n.inputs.map((i) => i.replace(/:\d+$/, ''))));
  return [...nodes.keys()].filter((name) => !used.has(name));
}

/** The nodes that `outputs` need, inputs before users. @throws FormatError on cycles and names that do not exist. */
function needed(nodes: ReadonlyMap<string, TfNode>, outputs: readonly string[]): TfNode[] {
  const order: TfNode[] = [];
  const state = new Map<string, 'open' | 'done'>();
  for (const output of outputs) if (!nodes.has(output)) throw unknownName('node', output, nodes.keys());
  // With an explicit stack: a hostile graph may be deeper than the call stack.
  const stack = [...outputs].reverse();
  while (stack.length) {
    const name = stack.at(-1)!;
    const node = nodes.get(name)!;
    if (state.get(name) === 'done') stack.pop();
    else if (state.get(name) === 'open') {
      state.set(name, 'done');
      order.push(node);
      stack.pop();
    } else {
      state.set(name, 'open');
      for (const input of [...node.inputs].reverse()) {
        const source = input.replace(/:\d+$/, '');
        if (!nodes.has(source))
          throw new FormatError(`node '${name}' takes '${source}', which does not exist`);
        if (state.get(source) === 'open') throw new FormatError(`the graph has a cycle through '${source}'`);
        if (!state.has(source)) stack.push(source);
      }
    }
  }
  return order;
}

function translate(node: TfNode, to: Lowering, missing: Map<string, MissingOp>): void {
  const note = (key: string, reason?: string): void => {
    const before = missing.get(key);
    missing.set(
      key,
      before
        ? { ...before, count: before.count + 1 }
        : { op: node.op, count: 1, example: node.name, ...(reason && { reason }) },
    );
    to.bind(node.name, node.name); // so that the search goes on
  };
  const translation = Object.hasOwn(translations, node.op) ? translations[node.op] : undefined;
  if (!translation) return note(node.op);
  try {
    translation(node, to);
  } catch (error) {
    if (!(error instanceof Unsupported)) throw error;
    if (!missing.size || !error.message.startsWith('input'))
      note(`${node.op} ${error.message}`, error.message);
    else to.bind(node.name, node.name);
  }
}

/** Slashes become dots, and the result is checked like a graph from a file. */
function dotted(to: Lowering, inputs: readonly string[], outputs: readonly string[]): GraphWithWeights {
  const dots = (name: string): string => name.replaceAll('/', '.');
  const graph = graphFromJSON({
    inputs: inputs.map(dots),
    outputs: outputs.map((o) => {
      const v = to.value(o);
      if (typeof v !== 'string') throw new FormatError(`the output '${o}' is a constant`);
      return dots(v);
    }),
    nodes: to.nodes.map((n) => ({
      ...n,
      name: dots(n.name),
      inputs: n.inputs.map((i) => (typeof i === 'string' ? dots(i) : i)),
    })),
    tensors: Object.fromEntries(Object.entries(to.tensors).map(([name, t]) => [dots(name), t])),
  });
  return { graph, weights: new Map([...to.weights].map(([name, v]) => [dots(name), v])) };
}
