import { CheckpointError } from '../errors.ts';
import type { Storage } from '../ledger.ts';
import type { Module } from '../nn/module.ts';
import { Parameter, StateBuffer } from '../nn/parameter.ts';
import type { Optimizer } from '../optim/optimizer.ts';
import { Tensor } from '../tensor.ts';
import { sizeOf, type DType, type Shape, type TypedArray } from '../types.ts';
import { fingerprintOf } from './fingerprint.ts';
import type { EpochRecord } from './history.ts';

/** Values as files hold them. */
export interface SavedTensor {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly data: TypedArray;
}

/**
 * Everything `fit` needs to go on with the same bits: the weights that the run has changed, optimizer state, what is locked,
 * position, history. Of the other weights it has fingerprints: a resumed run brings them itself.
 */
export interface Checkpoint {
  /** JSON. */
  readonly meta: string;
  readonly tensors: ReadonlyMap<string, SavedTensor>;
}

/** Keeps one checkpoint. `save` must be atomic: after a crash `load` gives the old one or the new one, whole. */
export interface CheckpointStore {
  /** Shall there be one now? Asked before any weight is read, but not of a run that is being stopped. Default: always. */
  due?(): boolean;
  save(checkpoint: Checkpoint): Promise<void>;
  /** The last one saved, or null. @throws CheckpointError for one that is damaged or another run's */
  load(): Promise<Checkpoint | null>;
}

/** Position and scores. */
export interface Position {
  epoch: number;
  /** Steps done in the epoch. */
  step: number;
  /** Sums over the epoch so far. */
  lossSum: number;
  correct: number;
  seen: number;
  records: EpochRecord[];
  best: { epoch: number; score: number } | null;
  worse: number;
}

/** What a checkpoint says beside its tensors. */
export interface TrainingState {
  /** What must be the same for a resumed run to give the same bits. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly optimizerSteps: number;
  /** Modules and parameters that are locked. */
  readonly locked: readonly string[];
  /** Fingerprints of the weights that are not in the checkpoint, as the run has not changed them. */
  readonly unchanged: Readonly<Record<string, string>>;
  /** Names of the tensors beside it. */
  readonly tensors: readonly string[];
  readonly at: Position;
}

/** Of `Checkpoint.meta`. Format 1 held all weights and no locks. */
const FORMAT = 2;

/** JSON has no NaN and no infinities. */
const number = (v: number): number | string => (Number.isFinite(v) ? v : String(v));

const toJson = (v: unknown): string =>
  JSON.stringify(v, (_, x: unknown) => (typeof x === 'number' ? number(x) : x));

function writeState(state: TrainingState): string {
  return toJson({ format: FORMAT, ...state });
}

type Fields = Readonly<Record<string, unknown>>;

function damaged(what: string): never {
  throw new CheckpointError(`it is damaged: ${what}`);
}
function fields(v: unknown, where: string): Fields {
  if (typeof v !== 'object' || v === null || Array.isArray(v)) damaged(`${where} is not an object`);
  return v as Fields;
}
function real(v: unknown, where: string): number {
  const isSpelt = v === 'NaN' || v === 'Infinity' || v === '-Infinity';
  if (typeof v !== 'number' && !isSpelt) damaged(`${where} is not a number`);
  return Number(v);
}
function whole(v: unknown, where: string): number {
  if (!Number.isSafeInteger(v) || (v as number) < 0) damaged(`${where} is not a whole number from 0 on`);
  return v as number;
}
function strings(v: unknown, where: string): string[] {
  if (!Array.isArray(v) || v.some((s) => typeof s !== 'string')) damaged(`${where} is not a list of names`);
  return v as string[];
}

/** Of a record, in the order in which `fit` gives them: model files hold them as JSON. */
const NUMBERS = [
  'loss',
  'accuracy',
  'validationLoss',
  'validationAccuracy',
  'validationBalancedAccuracy',
  'learningRate',
] as const;

function record(v: unknown, epoch: number): EpochRecord {
  const where = `the record of epoch ${epoch}`;
  const f = fields(v, where);
  if (whole(f['epoch'], where) !== epoch) damaged(`${where} is another's`);
  const given = NUMBERS.filter((k) => f[k] !== undefined || !k.startsWith('validation'));
  return Object.fromEntries([
    ['epoch', epoch],
    ...given.map((k) => [k, real(f[k], `${k} in ${where}`)]),
  ]) as unknown as EpochRecord;
}

function position(v: unknown): Position {
  const f = fields(v, 'its position');
  const at = (k: string): number => whole(f[k], k);
  if (!Array.isArray(f['records'])) damaged('its records are not a list');
  const records = (f['records'] as unknown[]).map(record);
  if (records.length !== at('epoch')) damaged(`it has ${records.length} records of ${at('epoch')} epochs`);
  const best = f['best'] === null ? null : fields(f['best'], 'the best epoch');
  return {
    epoch: at('epoch'),
    step: at('step'),
    lossSum: real(f['lossSum'], 'lossSum'),
    correct: at('correct'),
    seen: at('seen'),
    records,
    best: best && { epoch: whole(best['epoch'], 'the best epoch'), score: real(best['score'], 'its score') },
    worse: at('worse'),
  };
}

/** @throws CheckpointError where `meta` is not what `writeState` gives. */
export function readState(meta: string): TrainingState {
  let json: unknown;
  try {
    json = JSON.parse(meta);
  } catch {
    damaged('what it says about itself is no JSON');
  }
  const f = fields(json, 'what it says about itself');
  const format = f['format'] ?? f['version'];
  if (format !== FORMAT) {
    const by =
      typeof format !== 'number' ? '' : `, by ${format < FORMAT ? 'an earlier' : 'a later'} version of Graft`;
    throw new CheckpointError(`it is written in another format (${String(format)}, not ${FORMAT})${by}`);
  }
  const unchanged = fields(f['unchanged'], 'the list of unchanged weights');
  strings(Object.values(unchanged), 'the list of unchanged weights');
  return {
    settings: fields(f['settings'], 'the settings'),
    optimizerSteps: whole(f['optimizerSteps'], 'the count of steps'),
    locked: strings(f['locked'], 'the list of locked layers'),
    unchanged: unchanged as Readonly<Record<string, string>>,
    tensors: strings(f['tensors'], 'the list of tensors'),
    at: position(f['at']),
  };
}

/** Copies tensors out. */
async function saveTensors(entries: Iterable<readonly [string, Tensor]>): Promise<Map<string, SavedTensor>> {
  const out = new Map<string, SavedTensor>();
  for (const [name, t] of entries) out.set(name, { dtype: t.dtype, shape: t.shape, data: await t.data() });
  return out;
}

/** Which weights are what they were when a run began: tensors are immutable, so sharing a storage is enough. */
export class Initial {
  /** Weak, as it must not keep what nobody needs any more. */
  readonly #names = new WeakMap<Storage, Set<string>>();
  constructor(model: Module) {
    for (const [name, { storage }] of model.stateDict())
      this.#names.set(storage, (this.#names.get(storage) ?? new Set()).add(name));
  }
  has(name: string, t: Tensor): boolean {
    return this.#names.get(t.storage)?.has(name) ?? false;
  }
}

/** What is to be saved of a run. Reads what it has changed, and of the rest what has no fingerprint yet. */
export async function captureRun(run: {
  readonly model: Module;
  readonly optimizer: Optimizer;
  readonly best: ReadonlyMap<string, Tensor>;
  readonly initial: Initial;
  readonly settings: TrainingState['settings'];
  readonly at: Position;
}): Promise<Checkpoint> {
  const { model, optimizer, best, initial, settings, at } = run;
  const state = model.stateDict();
  const changed = (weights: ReadonlyMap<string, Tensor>, under: string): (readonly [string, Tensor])[] =>
    [...weights].filter(([n, t]) => !initial.has(n, t)).map(([n, t]) => [`${under}/${n}`, t]);
  const tensors = await saveTensors([
    ...changed(state, 'model'),
    ...[...optimizer.state()].map(([n, t]) => [`optimizer/${n}`, t] as const),
    ...changed(best, 'best'),
  ]);
  const unchanged: [string, string][] = [];
  for (const [name, t] of state) if (initial.has(name, t)) unchanged.push([name, await fingerprintOf(t)]);
  const meta = writeState({
    settings,
    optimizerSteps: optimizer.stepCount,
    locked: lockedNames(model),
    unchanged: Object.fromEntries(unchanged),
    tensors: [...tensors.keys()],
    at,
  });
  return { meta, tensors };
}

/** The saved tensors whose names begin with `prefix`, under the rest of their names. */
function savedUnder(checkpoint: Checkpoint, prefix: string): Map<string, SavedTensor> {
  const found = [...checkpoint.tensors].filter(([name]) => name.startsWith(prefix));
  return new Map(found.map(([name, t]) => [name.slice(prefix.length), t]));
}

/**
 * Gives a model, its locks and an optimizer the saved state, all of it or, where something does not fit, nothing. What the checkpoint
 * leaves out has to be in the model as it was when that run began.
 * @returns the weights of the best epoch, which the caller disposes.
 * @throws CheckpointError for another model, other weights in what is left out, and damage.
 */
export async function restoreRun(
  checkpoint: Checkpoint,
  { unchanged, optimizerSteps, locked, tensors, at }: TrainingState,
  model: Module,
  optimizer: Optimizer,
): Promise<Map<string, Tensor>> {
  if ([...checkpoint.tensors.keys()].sort().join('\n') !== [...tensors].sort().join('\n'))
    damaged('its tensors are not those that it lists');
  const own = model.stateDict();
  const weights = savedUnder(checkpoint, 'model/');
  const best = savedUnder(checkpoint, 'best/');
  const moments = savedUnder(checkpoint, 'optimizer/');
  const isUnchanged = (name: string): boolean => Object.hasOwn(unchanged, name);
  const strange = [...weights.keys(), ...best.keys(), ...Object.keys(unchanged)].find((n) => !own.has(n));
  const missing = [...own.keys()].find((n) => !weights.has(n) && !isUnchanged(n));
  if (strange !== undefined || missing !== undefined) {
    const what = strange === undefined ? `it lacks '${missing}'` : `it has '${strange}', which is not here`;
    throw new CheckpointError(`it is of another model: ${what}`);
  }
  for (const saved of [weights, best]) for (const [n, t] of saved) checkLike(n, t, own.get(n)!);
  for (const [name, t] of moments) {
    const dot = name.lastIndexOf('.');
    const parameter = own.get(name.slice(0, dot));
    if (!parameter) throw new CheckpointError(`it is of another model: it trained '${name.slice(0, dot)}'`);
    checkLike(name, t, name.slice(dot + 1) === 'step' ? { dtype: 'int32', shape: [] } : parameter);
  }
  for (const [name, t] of own) {
    if (isUnchanged(name) && unchanged[name] !== (await fingerprintOf(t)))
      throw new CheckpointError(`it was trained on other weights: '${name}' is not what it was`);
  }
  const { backend } = [...own.values()][0]!;
  const put = (saved: ReadonlyMap<string, SavedTensor>): Map<string, Tensor> =>
    new Map(
      [...saved].map(([name, { dtype, shape, data }]) => {
        const spec = { dtype, shape };
        return [name, Tensor.fromBuffer(backend, backend.upload(data, spec), spec).keep()];
      }),
    );
  const bestWeights = put(best);
  for (const [name, t] of at.best ? own : []) {
    // What the best epoch had not changed it had from the beginning.
    if (!bestWeights.has(name)) bestWeights.set(name, new Tensor(t.storage, t).keep());
  }
  // Model and optimizer share the buffers with what they are given.
  const given = [put(weights), put(moments)] as const;
  model.loadStateDict(given[0], { strict: false });
  await optimizer.loadState(given[1], optimizerSteps);
  for (const t of given.flatMap((m) => [...m.values()])) t.dispose();
  restoreLocks(model, locked);
  return bestWeights;
}

/** @throws CheckpointError where a saved tensor is not like the one that it is to replace. */
function checkLike(name: string, saved: SavedTensor, like: { dtype: DType; shape: Shape }): void {
  const { dtype, shape, data } = saved;
  const text = (t: { dtype: DType; shape: Shape }): string => `${t.dtype}[${t.shape.join(', ')}]`;
  if (text(saved) !== text(like))
    throw new CheckpointError(`it is of another model: '${name}' is ${text(saved)}, here ${text(like)}`);
  const kinds: Record<DType, new (n: number) => TypedArray> = {
    float32: Float32Array,
    int32: Int32Array,
    bool: Uint8Array,
  };
  if (!(data instanceof kinds[dtype]) || data.length !== sizeOf(shape)) damaged(`the values of '${name}'`);
}

const WORDS: Readonly<Record<string, string>> = {
  data: 'the training samples are others',
  validation: 'the validation samples are others',
};

/** @throws CheckpointError that says which settings are others now. */
export function assertSameRun(saved: Fields, settings: Fields): void {
  const now = JSON.parse(toJson(settings)) as Fields;
  const different = [...new Set([...Object.keys(now), ...Object.keys(saved)])].filter(
    (k) => JSON.stringify(saved[k]) !== JSON.stringify(now[k]),
  );
  if (!different.length) return;
  const show = (v: unknown): string => JSON.stringify(v ?? null);
  const list = different.map((k) => WORDS[k] ?? `${k} was ${show(saved[k])}, is ${show(now[k])}`);
  throw new CheckpointError(`it belongs to a run with other settings: ${list.join('; ')}`);
}

/** Paths of the modules and parameters that are locked. */
function lockedNames(model: Module): string[] {
  return [...model.namedModules(), ...model.namedParameters()].flatMap(([n, m]) => (m.locked ? [n] : []));
}

/** Locks these, and nothing else. */
function restoreLocks(model: Module, names: readonly string[]): void {
  const locked = new Set(names);
  for (const [path, m] of model.namedModules()) {
    m.locked = locked.has(path);
    for (const [key, member] of m.members()) {
      if (member instanceof StateBuffer) member.locked = m.locked;
      else if (member instanceof Parameter) member.locked = locked.has(path ? `${path}.${key}` : key);
    }
  }
}
