import type { OpAttrs, OpInputs, OpName, TensorSpec } from '@graftjs/core/backend';
import { encodeModel, GraphBuilder, lower, type OnnxModel, type Value } from '@graftjs/onnx-graph';

/** How one primitive on inputs of given specs is carried out. */
export type Plan =
  /** The numbers of an input as they are. */
  | { readonly kind: 'alias'; readonly input: number; readonly bytes: number }
  /** Numbers that depend on no input: what comes of nothing. */
  | { readonly kind: 'constant'; readonly values: ArrayLike<number>; readonly bytes: number }
  | {
      readonly kind: 'model';
      readonly model: Uint8Array;
      /** The inputs that it takes: empty ones may be left out. */
      readonly inputs: readonly number[];
      readonly output: string;
      readonly bytes: number;
    };

/** Small objects that a session is made of, besides its model. */
const SESSION_BYTES = 20_000;

export function planOf<N extends OpName>(
  op: N,
  specs: readonly TensorSpec[],
  attrs: OpAttrs[N],
  result: TensorSpec,
): Plan {
  const b = new GraphBuilder();
  const inputs = specs.map((spec, i) => b.input(inputName(i), spec)) as unknown as OpInputs<Value>[N];
  const y = lower(b, op, inputs, attrs, result);
  const values = b.valuesOf(y);
  if (values) return { kind: 'constant', values, bytes: 0 };
  const { model, outputs } = b.model([y]);
  const output = outputs[0]!.name;
  const alias = aliasOf(model, output);
  const taken = (name: string): boolean => model.graph.inputs.some((x) => x.name === name);
  const used = [...specs.keys()].filter((i) => taken(inputName(i)));
  if (alias !== null) return { kind: 'alias', input: used.find((i) => inputName(i) === alias)!, bytes: 0 };
  const bytes = encodeModel(model);
  return { kind: 'model', model: bytes, inputs: used, output, bytes: bytes.length + SESSION_BYTES };
}

export const inputName = (i: number): string => `input${i}`;

/** The input that a model hands on, at most in another shape. */
function aliasOf({ graph: { nodes } }: OnnxModel, output: string): string | null {
  let name = output;
  for (const node of nodes.toReversed()) {
    if (node.outputs[0] !== name || !['Identity', 'Reshape'].includes(node.opType)) return null;
    name = node.inputs[0]!;
  }
  return name;
}

/** A key that is the same for the same call: JSON, but for numbers that it does not know. */
export function keyOf(op: OpName, specs: readonly TensorSpec[], attrs: object): string {
  return JSON.stringify([op, attrs, specs.map(({ dtype, shape }) => [dtype, shape])], (_, v: unknown) =>
    typeof v === 'number' && (!Number.isFinite(v) || Object.is(v, -0)) ? `${Object.is(v, -0) ? '-0' : v}` : v,
  );
}
