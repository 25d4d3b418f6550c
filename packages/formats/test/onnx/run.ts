import { contractModel, createErrorBoundBackend } from '@graftjs/conformance';
import {
  GraftError,
  tensor,
  UnsupportedError,
  type Backend,
  type Tensor,
  type TypedArray,
} from '@graftjs/core';
import {
  FormatError,
  graphOfModel,
  GraphModule,
  UnsupportedOpsError,
  type OnnxImport,
} from '../../src/index.ts';
import {
  decodeModel,
  decodeTensor,
  valuesOf,
  type OnnxElement,
  type OnnxModel,
  type OnnxTensor,
} from '@graftjs/onnx-graph';
import type { OnnxCase, OnnxDataSet } from './cases.ts';
import { difference } from './compare.ts';

export interface Verdict {
  readonly case: OnnxCase;
  /** `refused`: with a reason, before anything was given back. */
  readonly status: 'passed' | 'failed' | 'refused';
  /** Why not passed. */
  readonly reason: string;
  /** Operators of the model, each once; those of other domains as 'domain.Op'. */
  readonly ops: readonly string[];
}

/** Runs cases one after the other. */
export async function verdictsOn(backend: Backend, cases: readonly OnnxCase[]): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  for (const c of cases) verdicts.push(await verdictOn(backend, c));
  return verdicts;
}

async function verdictOn(backend: Backend, c: OnnxCase): Promise<Verdict> {
  const model = decodeModel(c.model);
  const ops = model.graph.nodes.map(({ domain, opType }) => (domain ? `${domain}.${opType}` : opType));
  const verdict = (status: Verdict['status'], reason: string): Verdict => ({
    case: c,
    status,
    reason,
    ops: [...new Set(ops)],
  });
  if (!c.sets.length) return verdict('failed', 'no data');
  for (const set of c.sets) {
    try {
      const problem = await problemOf(c, model, set, backend);
      if (problem) return verdict('failed', problem);
    } catch (error) {
      const reason = refusal(error);
      return reason ? verdict('refused', reason) : verdict('failed', String(error));
    }
  }
  return verdict('passed', '');
}

/** Why a model is not taken; null for errors that nobody meant. */
function refusal(error: unknown): string | null {
  if (error instanceof UnsupportedOpsError)
    return error.ops.map(({ op, reason }) => (reason ? `${op}: ${reason}` : op)).join(', ');
  // A model without inputs is no network.
  if (error instanceof FormatError && /do not depend on any input/.test(error.message)) return error.message;
  return error instanceof UnsupportedError ? error.message : null;
}

/** What is wrong with a run, or null. */
async function problemOf(
  c: OnnxCase,
  model: OnnxModel,
  set: OnnxDataSet,
  backend: Backend,
): Promise<string | null> {
  // Files stand in the order of the graph's inputs. Those of sequences are refused before anybody reads them.
  const given = new Map<string, OnnxTensor>();
  set.inputs.forEach((bytes, i) => {
    const info = model.graph.inputs[i]!;
    if (info.element) given.set(info.name, read(bytes, info.element));
  });
  const source = graphOfModel(model, { known: given });
  if (set.outputs.length !== source.outputs.length) return 'another number of outputs';
  const names = source.graph.outputs;
  const outputs = await run(source, given, backend, async (y) => ({
    shape: y.shape,
    data: await y.data(),
  }));
  for (const [i, bytes] of set.outputs.entries()) {
    const wanted = read(bytes, model.graph.outputs[i]!.element);
    const got = outputs.get(names[i]!)!;
    const stored = { shape: wanted.dims, data: valuesOf(wanted), element: wanted.element };
    // Error analysis takes its time: most values need none.
    const problem =
      difference(c.name, got, stored, null) &&
      difference(c.name, got, stored, (await errorsOf(set, source, given))[i]!);
    if (problem) return `output '${model.graph.outputs[i]!.name}': ${problem}`;
  }
  return null;
}

/** Runs a graph, reads its outputs and frees everything. */
async function run<T>(
  source: OnnxImport,
  given: ReadonlyMap<string, OnnxTensor>,
  backend: Backend,
  read: (y: Tensor) => Promise<T>,
): Promise<Map<string, T>> {
  const module = new GraphModule(source.graph, source.weights, { backend });
  module.eval();
  const inputs = new Map(source.inputs.map(({ name }) => [name, onBackend(given.get(name), name, backend)]));
  const outputs = module.run(inputs);
  const values = new Map<string, T>();
  for (const [name, y] of outputs) values.set(name, await read(y));
  for (const t of [...inputs.values(), ...outputs.values()]) t.dispose();
  module.dispose();
  return values;
}

const bounds = createErrorBoundBackend(contractModel);
const knownErrors = new Map<OnnxDataSet, (TypedArray | null)[]>();

/** By how much Graft's arithmetic may be off, for every element of every output; the same on all that follow the contract. */
async function errorsOf(
  set: OnnxDataSet,
  source: OnnxImport,
  given: ReadonlyMap<string, OnnxTensor>,
): Promise<(TypedArray | null)[]> {
  const before = knownErrors.get(set);
  if (before) return before;
  const byName = await run(source, given, bounds, (y) => Promise.resolve(bounds.bounded(y).error));
  const errors = source.graph.outputs.map((name) => byName.get(name) ?? null);
  knownErrors.set(set, errors);
  return errors;
}

/** numpy has no bfloat16: ONNX's data hold its bits as uint16. */
function read(bytes: Uint8Array, element: OnnxElement | null): OnnxTensor {
  const t = decodeTensor(bytes);
  return element === 'bfloat16' && t.element === 'uint16' ? { ...t, element } : t;
}

function onBackend(t: OnnxTensor | undefined, name: string, backend: Backend): Tensor {
  if (!t) throw new GraftError(`no data for the input '${name}'`);
  const dtype = t.element === 'bool' ? 'bool' : /int/.test(t.element) ? 'int32' : 'float32';
  return tensor(Float64Array.from(valuesOf(t)), t.dims, { dtype, backend });
}
