import { isTensor, sizeOf, type Shape, type Tensor, type TensorSpec } from '@graftjs/core';
import { trace } from '@graftjs/core/extend';
import type { GraphConstant, GraphDef, GraphInput, GraphNode } from './graph.ts';
import { hostArray, isHostArray, type GraphValue, type HostArray } from './host-array.ts';
import { evaluate } from './module.ts';
import { opOf } from './operations.ts';
import { articulationPoints } from './segments.ts';
import { prune } from './simplify.ts';
import { layersOf } from './stages.ts';

/** What is known of a value before anything is computed: all of it, or a tensor's shape. */
type Known = HostArray | { readonly tensor: Shape };

/** Larger constants stay computed. */
const MAX_CONSTANT = 4096;

/**
 * Computes at once what follows from the extents of a sample alone: the padding that makes an output as large as its
 * input asks for, the size to which a segmentation is scaled in the end. Nothing leads past the layers any more then, so
 * that a cut can be made between them; where it would make no difference to that, such things stay computed, and the
 * graph takes samples of other sizes. Extents that depend on the batch stay open, also where a file for one picture
 * writes its 1 into a reshape.
 *
 * Two runs on symbols, with batches of different sizes, tell which is which: what is equal in both depends on the sample.
 * @param specs Of the inputs, by name; the first axis of each is the batch's.
 */
export function fixExtents(graph: GraphDef, specs: ReadonlyMap<string, TensorSpec>): GraphDef {
  const given = graph.inputs.map((name) => specs.get(name));
  if (!given.every((spec) => spec !== undefined && spec.shape.length > 0)) return graph;
  const batch = Math.max(1, ...given.map((spec) => spec!.shape[0]!));
  // None of the small numbers that shapes are full of.
  const batches = [batch, 3 * batch + 8] as const;
  const one = valuesFor(graph, specs, batches[0]);
  const rewritten = (change: (node: GraphNode, view: View) => GraphNode[]): GraphDef => {
    const nodes: GraphNode[] = [];
    valuesFor(graph, specs, batches[1], (node, two) => {
      const better = change(node, viewOf(one, two, batches));
      nodes.push(...better);
      return better;
    });
    return prune({ ...graph, nodes });
  };
  const plain = rewritten((node, view) => [typeof node.inputs[1] === 'string' ? node : reshaped(node, view)]);
  const computes = graph.nodes.some((n) => opOf(n).toHost);
  const fixed = computes ? rewritten(fixedNode) : plain;
  if (cuts(fixed) <= cuts(plain)) return plain;
  const [sample] = given;
  return { ...fixed, ...(given.length === 1 && { sampleShape: sample!.shape.slice(1) }) };
}

const reshaped = (node: GraphNode, view: View): GraphNode =>
  node.op === 'reshape' ? fixedReshape(node, view) : node;

/** How many layers the graph can be cut behind. */
function cuts(graph: GraphDef): number {
  const layers = new Set(layersOf(graph));
  let from = 0;
  return articulationPoints(graph).filter((end) => {
    const isApart = graph.nodes.slice(from, end + 1).some((n) => layers.has(n));
    from = end + 1;
    return isApart;
  }).length;
}

function viewOf(
  one: ReadonlyMap<string, Known>,
  two: ReadonlyMap<string, Known>,
  batches: readonly [number, number],
): View {
  const pair = (input: GraphInput | undefined): readonly [Known, Known] | undefined => {
    const [a, b] = typeof input === 'string' ? [one.get(input), two.get(input)] : [];
    return a && b && [a, b];
  };
  return {
    batches,
    shapes(input) {
      const [a, b] = pair(input) ?? [];
      return a && b && 'tensor' in a && 'tensor' in b ? [a.tensor, b.tensor] : undefined;
    },
    values(input) {
      const [a, b] = pair(input) ?? [];
      return a && b && 'values' in a && 'values' in b ? [a, b] : undefined;
    },
  };
}

/** The shapes of all tensors of a graph for inputs of these specs; what cannot be run is left out. */
export function shapesOf(graph: GraphDef, specs: ReadonlyMap<string, TensorSpec>): Map<string, Shape> {
  const [spec] = specs.values();
  const known = valuesFor(graph, specs, spec!.shape[0]!);
  return new Map([...known].map(([name, v]) => [name, 'tensor' in v ? v.tensor : v.shape]));
}

/** Runs the graph on symbols. `change` may put others in the place of a node; what cannot be run is left out. */
function valuesFor(
  graph: GraphDef,
  specs: ReadonlyMap<string, TensorSpec>,
  batch: number,
  change: (node: GraphNode, known: ReadonlyMap<string, Known>) => readonly GraphNode[] = (node) => [node],
): Map<string, Known> {
  const known = new Map<string, Known>();
  const names = [...graph.inputs, ...Object.keys(graph.tensors)];
  const all = names.map((name): TensorSpec => {
    const { dtype, shape } = specs.get(name) ?? { dtype: 'float32' as const, ...graph.tensors[name]! };
    return { dtype, shape: specs.has(name) ? [batch, ...shape.slice(1)] : shape };
  });
  trace((...symbols: Tensor[]) => {
    const values = new Map<string, GraphValue>(symbols.map((x, i) => [names[i]!, x]));
    const note = (name: string, v: GraphValue): void => {
      values.set(name, v);
      if (isTensor(v)) known.set(name, { tensor: v.shape });
      else if (isHostArray(v)) known.set(name, v);
    };
    symbols.forEach((x, i) => note(names[i]!, x));
    for (const original of graph.nodes)
      for (const node of change(original, known)) {
        const inputs = node.inputs.map((input): GraphValue | undefined =>
          typeof input === 'string'
            ? values.get(input)
            : typeof input === 'number'
              ? input
              : hostArray(input.dtype, input.shape, input.values),
        );
        if (inputs.includes(undefined)) continue;
        try {
          note(node.name, evaluate(opOf(node), inputs as GraphValue[], node.attrs));
        } catch (error) {
          if (!(error instanceof Error)) throw error;
        }
      }
    return symbols[0]!;
  }, all).dispose();
  return known;
}

const sameValues = (a: HostArray, b: HostArray): boolean =>
  a.dtype === b.dtype &&
  a.values.length === b.values.length &&
  a.shape.join() === b.shape.join() &&
  a.values.every((v, i) => v === b.values[i]);

/** What two runs know of a graph's values. */
interface View {
  /** The batches' sizes. */
  readonly batches: readonly [number, number];
  /** Of a tensor. */
  shapes(input: GraphInput | undefined): readonly [Shape, Shape] | undefined;
  /** Of what needs no tensor. */
  values(input: GraphInput): readonly [HostArray, HostArray] | undefined;
}

/** The node, or nodes in its place that end with one of its name. */
function fixedNode(node: GraphNode, view: View): GraphNode[] {
  const inputs = node.inputs.map((input): GraphInput => {
    const [a, b] = view.values(input) ?? [];
    return (a && b && sameValues(a, b) && constant(a)) || input;
  });
  const changed = inputs.some((input, i) => input !== node.inputs[i]);
  const here = changed ? { ...node, inputs } : node;
  return node.op === 'reshape' ? [fixedReshape(here, view)] : besideBatch(here, view);
}

/** What holds the batch beside fixed extents takes it from the tensor that lies next to it, not from far away. */
function besideBatch(node: GraphNode, view: View): GraphNode[] {
  const [batch, other] = view.batches;
  const beside = node.inputs.find((input) => {
    const shapes = view.shapes(input);
    return shapes?.[0][0] === batch && shapes[1][0] === other;
  });
  if (beside === undefined) return [node];
  const before: GraphNode[] = [];
  const own = `${node.name}.batch`;
  const inputs = node.inputs.map((input, i): GraphInput => {
    const [a, b] = view.values(input) ?? [];
    if (a?.dtype !== 'int32' || a.shape.length !== 1 || b?.values.length !== a.values.length) return input;
    const pieces = Array.from(a.values, (v, k): GraphInput | null => {
      if (v === b.values[k]) return { dtype: 'int32', shape: [1], values: [v] };
      return v === batch && b.values[k] === other ? own : null;
    });
    if (!pieces.includes(own) || pieces.length > 32 || pieces.includes(null)) return input;
    const name = `${node.name}.extents${i}`;
    before.push({ name, op: 'concat', inputs: pieces as GraphInput[], attrs: { axis: 0 } });
    return name;
  });
  if (!before.length) return [node];
  const size = { name: own, op: 'shape', inputs: [beside], attrs: { start: 0, end: 1 } };
  return [size, ...before, { ...node, inputs }];
}

function constant({ dtype, shape, values }: HostArray): GraphConstant | null {
  if (values.length > MAX_CONSTANT || !values.every(Number.isFinite)) return null;
  return { dtype, shape, values: Array.from(values) };
}

/**
 * A reshape whose target is said by attributes: what is fixed, and 0 (the extent that is there) or −1 (what is left) for
 * the one extent that depends on the batch.
 */
function fixedReshape(node: GraphNode, view: View): GraphNode {
  const [x, wanted] = node.inputs;
  const from = view.shapes(x);
  if (!from) return node;
  const copies = node.attrs['copyZeros'] === true;
  const say = (shape: readonly number[]): GraphNode => ({
    ...node,
    inputs: [x!],
    attrs: { shape: [...shape], copyZeros: true },
  });
  const values =
    wanted === undefined
      ? [numbers(node.attrs['shape']), numbers(node.attrs['shape'])]
      : typeof wanted === 'object'
        ? [[...wanted.values], [...wanted.values]]
        : view.values(wanted)?.map((v) => Array.from(v.values));
  const [a, b] = values ?? [];
  if (!a || !b || a.length !== b.length || !from.flat().every((d) => d > 0)) return node;
  // As attributes say it, 0 is an extent of nothing.
  if (!copies && a.includes(0)) return node;
  const changes = a.flatMap((v, i) => (v === b[i] ? [] : [i]));
  const isBatch = (i: number): boolean => from[0][i] === view.batches[0] && from[1][i] === view.batches[1];
  if (changes.length) {
    const open = a.map((v, i) => (v === b[i] ? v : isBatch(i) && a[i] === from[0][i] ? 0 : -1));
    const [first] = changes;
    if (open.filter((v) => v === -1).length > 1) return node;
    // One place may be left open: better by −1, which asks nothing of what comes before.
    return say(changes.length === 1 && !open.includes(-1) ? open.with(first!, -1) : open);
  }
  const said = wanted === undefined ? node : say(a);
  // A file for one picture may write its 1 into the target; with more, the others' values belong behind the first axis.
  if (a[0] !== view.batches[0]) return said;
  if (a.includes(-1)) return isBatch(0) ? say([0, ...a.slice(1)]) : said;
  return sizeOf(from[0]) === sizeOf(from[1]) || a.includes(0) ? said : say([-1, ...a.slice(1)]);
}

const numbers = (v: unknown): number[] | undefined => (Array.isArray(v) ? (v as number[]) : undefined);
