import { GraftError } from '@graftjs/core';
import {
  valuesOf,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
  type OnnxValueInfo,
} from '@graftjs/onnx-graph';

/** A graph that was built for a batch size, and the shapes of all its values. */
export interface Built {
  readonly model: OnnxModel;
  readonly shapes: ReadonlyMap<string, readonly number[]>;
}

/** Two batch sizes that other extents seldom have, neither a multiple of the other, and small: results are bounded in size. */
export const BATCHES = [23, 29] as const;

/** The name of the axis that may have any extent. */
const BATCH = 'batch';

/**
 * One graph for every batch size, from the same network built for two: what differs between them is what depends on the
 * batch. Shapes that are reshaped to leave that extent to the runtime (−1), and those that are expanded to keep it (1).
 * @throws GraftError where something else depends on it, with the node's name.
 */
export function withDynamicBatch(a: Built, b: Built): OnnxModel {
  const [nodes, others] = [a.model.graph.nodes, b.model.graph.nodes];
  const refuse = (node: OnnxNode | undefined, what: string): never => {
    throw new GraftError(
      `this network cannot be exported for any batch size: ${what}${node ? `, at the node '${node.name}' (${node.opType})` : ''}`,
    );
  };
  if (nodes.length !== others.length || nodes.some((node, i) => node.opType !== others[i]!.opType))
    refuse(undefined, 'it does other things for another batch size');
  nodes.forEach((node, i) => {
    if (JSON.stringify(node) !== JSON.stringify(others[i])) refuse(node, 'its attributes depend on it');
  });
  const differing = new Map<string, OnnxTensor>();
  const other = new Map(b.model.graph.initializers.map((t) => [t.name, t]));
  const initializers = a.model.graph.initializers.map((t): OnnxTensor => {
    const twin = other.get(t.name)!;
    if (sameBytes(t.bytes!, twin.bytes!) && String(t.dims) === String(twin.dims)) return t;
    differing.set(t.name, twin);
    for (const node of nodes) {
      if (node.inputs.includes(t.name) && !(takesShape(node) && node.inputs[1] === t.name))
        refuse(node, 'a constant depends on it');
    }
    const user = nodes.find((node) => node.inputs.includes(t.name))!;
    return freed(t, twin, user, a, refuse);
  });
  const info = (v: OnnxValueInfo, i: number, twins: readonly OnnxValueInfo[]): OnnxValueInfo => ({
    ...v,
    shape: v.shape!.map((d, axis) => (d === twins[i]!.shape![axis] ? d : BATCH)),
  });
  const { graph } = a.model;
  return {
    ...a.model,
    graph: {
      ...graph,
      initializers,
      inputs: graph.inputs.map((v, i) => info(v, i, b.model.graph.inputs)),
      outputs: graph.outputs.map((v, i) => info(v, i, b.model.graph.outputs)),
    },
  };
}

const takesShape = ({ opType }: OnnxNode): boolean => opType === 'Reshape' || opType === 'Expand';

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((v, i) => v === b[i]);
}

/** The shape `t`, which `twin` is at another batch size, for any of them. */
function freed(
  t: OnnxTensor,
  twin: OnnxTensor,
  user: OnnxNode,
  { shapes }: Built,
  refuse: (node: OnnxNode, what: string) => never,
): OnnxTensor {
  const [extents, moved] = [valuesOf(t), valuesOf(twin)];
  const axes = [...extents.keys()].filter((i) => extents[i] !== moved[i]);
  const values = Array.from(extents);
  if (user.opType === 'Reshape') {
    if (axes.length !== 1) refuse(user, 'more than one extent depends on it');
    values[axes[0]!] = -1;
  } else {
    const from = shapes.get(user.inputs[0]!)!;
    for (const i of axes) {
      // Expand keeps an extent where it is given 1.
      if (from[from.length - extents.length + i] !== extents[i])
        refuse(user, 'something is repeated for each sample');
      values[i] = 1;
    }
  }
  return { ...t, bytes: new Uint8Array(BigInt64Array.from(values, BigInt).buffer) };
}
