import { GraftError, Sequential, sizeOf, type Module, type Shape, type StateEntry } from '@graftjs/core';
import type { Safetensors } from '@graftjs/formats';
import { buildModel } from './build-model.ts';
import type { BuildOptions } from './describe.ts';
import { networks } from './networks.ts';
import type { Network } from './networks/network.ts';
import { nowhere } from './nowhere.ts';

/** Networks that take weights from files with torchvision's parameter names. */
const takers = [...networks.values()].filter((n) => n.takesWeights);

type State = ReadonlyMap<string, StateEntry>;

/** Weights under a network's own names. */
interface Matched {
  readonly state: Map<string, StateEntry>;
  /** What stood before every name: 'module.'. */
  readonly prefix: string;
  /** Names of the network that the file has not, those of its head aside. */
  readonly missing: readonly string[];
  readonly wrongShape: readonly string[];
  /** Names of layers that the network has not, though it has what they are part of: 'layer1.2.conv1.weight'. */
  readonly strange: readonly string[];
  /** Names that have nothing to do with it: an optimizer's, another head's. */
  readonly others: readonly string[];
  readonly hasHead: boolean;
}

/**
 * What stands before the names of a network in a file: wrappers (`DataParallel`: 'module.', a field of a larger model:
 * 'backbone.', 'base_model.model.') put their own name there. The one under which most of the wanted names are found.
 */
function prefixOf(names: Iterable<string>, wanted: ReadonlySet<string>): string {
  const found = new Map<string, number>();
  for (const name of names) {
    for (let at = 0; at !== 0 || name !== '';) {
      if (wanted.has(name.slice(at))) found.set(name.slice(0, at), (found.get(name.slice(0, at)) ?? 0) + 1);
      const dot = name.indexOf('.', at);
      if (dot < 0) break;
      at = dot + 1;
    }
  }
  let [best, most] = ['', found.get('') ?? 0];
  for (const [prefix, count] of found) if (count > most) [best, most] = [prefix, count];
  return best;
}

const isCounter = (name: string): boolean => /(^|\.)num_batches_tracked$/.test(name);

function match(shapes: ReadonlyMap<string, Shape>, given: State, head: string): Matched {
  const prefix = prefixOf(given.keys(), new Set(shapes.keys()));
  const inHead = (name: string): boolean => name.startsWith(`${head}.`);
  const state = new Map<string, StateEntry>();
  const [strange, others, wrongShape]: [string[], string[], string[]] = [[], [], []];
  const odd = new Set<string>();
  const tops = new Set([...shapes.keys()].map((name) => name.split('.')[0]!));
  for (const [name, entry] of given) {
    const own = name.startsWith(prefix) ? name.slice(prefix.length) : null;
    const shape = own === null ? undefined : shapes.get(own);
    if (own !== null && shape) {
      const same = shape.length === entry.shape.length && shape.every((d, i) => d === entry.shape[i]);
      if (same) state.set(own, entry);
      // A head of another form is another head.
      else if (inHead(own)) others.push(name);
      else if (odd.add(own))
        wrongShape.push(`${name} is [${entry.shape.join(', ')}], not [${shape.join(', ')}]`);
    } else if (isCounter(name)) continue;
    else if (own !== null && tops.has(own.split('.')[0]!) && !inHead(own)) strange.push(name);
    else others.push(name);
  }
  const missing = [...shapes.keys()].filter((n) => !state.has(n) && !odd.has(n) && !isCounter(n));
  const hasHead = !missing.some(inHead);
  if (!hasHead) for (const name of [...state.keys()].filter(inHead)) state.delete(name);
  return { state, prefix, missing: missing.filter((n) => !inHead(n)), wrongShape, strange, others, hasHead };
}

/** Under that name, or with a prefix. */
function entryOf(given: State, name: string): StateEntry | undefined {
  return [...given].find(([n]) => n === name || n.endsWith(`.${name}`))?.[1];
}

/** As many outputs as the file's classifier has. */
function build({ name, classifier }: Network, given: State, options: BuildOptions): Module {
  const found = entryOf(given, `${classifier}.weight`);
  const classes = found?.shape.length === 2 && found.shape[0]! > 0 ? found.shape[0]! : 1000;
  const possible = found !== undefined && sizeOf(found.shape) <= 2 ** 28;
  return buildModel({ kind: name, options: possible ? { classes } : {} }, options);
}
const shapesOf = (model: Module): Map<string, Shape> =>
  new Map([...model.stateDict()].map(([name, t]) => [name, t.shape]));

const isWhole = (m: Matched): boolean => !m.missing.length && !m.wrongShape.length && !m.strange.length;

/** The network whose names and shapes these weights have; null for none that is known. */
export function architectureOf(given: State): string | null {
  const network = takers.find((n) => {
    // A name first: it costs nothing, and most files fail there.
    if (!entryOf(given, `${n.firstConv}.weight`)) return false;
    return isWhole(match(shapesOf(build(n, given, { backend: nowhere })), given, n.head));
  });
  return network?.name ?? null;
}

/** `3 of 62`, and the first three. */
const some = (names: readonly string[]): string =>
  `${names.slice(0, 3).join(', ')}${names.length > 3 ? ' …' : ''}`;

export interface WithWeights {
  readonly model: Module;
  /** What was done to make them fit, for people. */
  readonly notes: readonly string[];
}

/**
 * A network with weights from a file of somebody else's: prefixes of wrappers are stripped, batch counters ignored, and
 * where the file has no last layer, or one of another form, the network ends before it.
 * @param options as of `buildModel`; `unread`: tensors of the file whose dtype is not read, to be named
 * @throws GraftError that says in a line how many weights do not fit, which are the first, and which network they are of
 */
export function withGivenWeights(
  network: Network,
  given: State,
  options: BuildOptions & { readonly unread?: Safetensors['unread'] } = {},
): WithWeights {
  const { name, head } = network;
  const model = build(network, given, options);
  const shapes = shapesOf(model);
  const matched = match(shapes, given, head);
  const { state, prefix, missing, wrongShape, strange, others, hasHead } = matched;
  const odd = [...(options.unread ?? [])].map(([n, { dtype }]) => `${n} as ${dtype}`);
  const notRead = odd.length > 0 && `${odd.length} in a form that is not read (${some(odd)})`;
  try {
    if (!isWhole(matched)) {
      const wanted = [...shapes.keys()].filter((n) => !isCounter(n)).length;
      const problems = [
        missing.length && `${missing.length} of ${wanted} are missing (${some(missing)})`,
        wrongShape.length && `${wrongShape.length} have another shape (${some(wrongShape)})`,
        notRead,
        strange.length && `${strange.length} belong to layers that it has not (${some(strange)})`,
      ].filter((p) => typeof p === 'string');
      const fits = architectureOf(given);
      const hint =
        fits !== null
          ? `they are those of ${fits}`
          : state.size === 0 && wrongShape.length === 0
            ? `the names must be torchvision's; the file's begin with ${some([...given.keys()])}`
            : 'are they of another network?';
      throw new GraftError(`these weights do not fit ${name}: ${problems.join('; ')}; ${hint}`);
    }
    const fitting = hasHead ? model : withoutHead(model, head);
    fitting.loadStateDict(state);
    const notes = [
      prefix !== '' && `the prefix '${prefix}' of the names was left out`,
      !hasHead && `the file has no '${head}' that fits, so the network ends before it`,
      notRead && `left alone: ${notRead}`,
      others.length > 0 && hasHead && `${others.length} other tensors were left alone (${some(others)})`,
    ].filter((note) => note !== false);
    return { model: fitting, notes };
  } catch (error) {
    model.dispose();
    throw error;
  }
}

/** A chain without its part `head`. */
function withoutHead(model: Module, head: string): Module {
  const parts = [...model.members()] as [string, Module][];
  parts.find(([name]) => name === head)?.[1].dispose();
  return new Sequential(new Map(parts.filter(([name]) => name !== head)));
}
