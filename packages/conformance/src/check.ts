import { memory, UnsupportedError, type Backend, type TensorSpec, type TypedArray } from '@graftjs/core';
import {
  contractModel,
  createErrorBoundBackend,
  type ErrorBoundBackend,
  type ErrorModel,
} from './bounds/index.ts';
import { flushes } from './bounds/model.ts';
import type { DataKind } from './cases/data.ts';
import type { Case, Family } from './cases/index.ts';
import { sameBits, withinBound, type Comparison, type Expected } from './compare.ts';
import { differentiable, evaluate, evaluateCompiled, type Results, type What } from './evaluate.ts';
import { fusedBy, withFused } from './fused.ts';
import { createContract } from './oracle/index.ts';
import type { Target } from './target.ts';

/**
 * `test`: outputs on real data within the bound. `exact`: outputs and gradients on whole numbers, where the bound is 0.
 * `grad`: gradients on real data within the bound. `bits`: outputs and gradients on real data, every bit as the contract
 * says. `fused`: where the backend has fused kernels, outputs and gradients without them have the same bits; a backend
 * that does not claim the contract must then be within the bound, too. `compiled`: outputs and gradients of the case as one graph (`compile`), where the
 * backend takes graphs whole or claims the contract: its bits there, within the bound otherwise. `law`: the outputs of a law have the same bits. (That the gradients are the right ones is shown once, on the oracle: see finite-differences.ts.)
 */
export type Mode = 'test' | 'exact' | 'grad' | 'bits' | 'fused' | 'compiled' | 'law';

export interface Outcome {
  readonly case: Case;
  readonly mode: Mode;
  readonly status: 'passed' | 'failed' | 'unsupported';
  /** Largest error as a share of its bound. */
  readonly share: number;
  /** What is wrong; what is unsupported, and why. */
  readonly message: string;
}

/** A created backend with what is needed to judge it. */
export interface Subject {
  readonly target: Target;
  readonly backend: Backend;
  readonly model: ErrorModel;
  readonly bounds: ErrorBoundBackend;
}

/** @throws TypeError if the target's model depends on the device: `openSubject` asks it. */
export function subjectOf(target: Target, backend: Backend): Subject {
  if (typeof target.model === 'function')
    throw new TypeError(`how ${target.name} rounds depends on the device`);
  const model = { ...contractModel, ...target.model };
  return { target, backend, model, bounds: createErrorBoundBackend(model) };
}

/** Creates a target's backend, and asks how it rounds where that depends on the device. */
export async function openSubject(target: Target): Promise<Subject> {
  const backend = await target.create();
  if (typeof target.model !== 'function') return subjectOf(target, backend);
  return subjectOf({ ...target, model: await target.model(backend) }, backend);
}

/** Families whose cases may run fused kernels. */
const USERS_OF_FUSED: readonly Family[] = ['fused', 'composite', 'training'];

/** The modes that apply to a case on a target. */
export function modesOf(c: Case, target: Target): Mode[] {
  if (c.law) return target.bitExact ? ['law'] : [];
  // Infinities that are multiplied by something rounded have no bound; bits they have.
  if (c.family === 'fused' && c.special) return target.bitExact ? ['bits', 'fused'] : [];
  const bounded = target.errorsAreThoseOf === undefined;
  const modes: Mode[] = bounded ? ['test'] : [];
  if (!c.special && (c.exact ?? true)) modes.push('exact');
  if (bounded && differentiable(c)) modes.push('grad');
  if (target.bitExact) modes.push('bits');
  if (USERS_OF_FUSED.includes(c.family)) modes.push('fused');
  if (target.bitExact || target.compiles) modes.push('compiled');
  return modes;
}

/** Why a target leaves a case out, if it does. */
export function reasonAgainst(c: Case, target: Target): string | undefined {
  return Object.entries(target.unsupported ?? {}).find(([prefix]) => c.name.startsWith(prefix))?.[1];
}

/** By the names of the results: what a reference gave, with its bounds where it has some. */
type Wanted = ReadonlyMap<string, Expected>;
type Judge = (got: Results, want: Wanted) => Promise<Comparison>;

/** Compares everything that a run gave; the worst counts. */
async function judge(
  got: Results,
  want: Wanted,
  one: (y: TypedArray, wanted: Expected, spec: TensorSpec) => Comparison,
): Promise<Comparison> {
  let worst: Comparison = { share: 0, problem: null };
  if (got.size !== want.size) return { share: Infinity, problem: `${got.size} results, not ${want.size}` };
  for (const [name, y] of got) {
    const { share, problem } = one(await y.data(), want.get(name)!, y);
    if (share >= worst.share) worst = { share, problem: problem && `${name}: ${problem}` };
  }
  return worst;
}

const isErrorBound = (backend: Backend): backend is ErrorBoundBackend => 'bounded' in backend;

async function wantedFrom(c: Case, kind: DataKind, what: What, truth: Backend): Promise<Wanted> {
  const wanted = new Map<string, Expected>();
  const results = evaluate(c, truth, kind, what);
  for (const [name, t] of results)
    wanted.set(name, isErrorBound(truth) ? truth.bounded(t) : { value: await t.data(), error: null });
  for (const t of results.values()) t.dispose(); // not before: two names may have one tensor
  return wanted;
}

/** Of each reference what it gave for the case at hand: several modes, and targets, compare with the same. */
const known = new WeakMap<Backend, { readonly case: Case; readonly wanted: Map<string, Promise<Wanted>> }>();

/** The same of the oracle with its bounds, or of the contract. */
function reference(c: Case, kind: DataKind, what: What, truth: Backend): Promise<Wanted> {
  let of = known.get(truth);
  if (of?.case !== c) known.set(truth, (of = { case: c, wanted: new Map() }));
  const key = `${kind} ${what}`;
  let wanted = of.wanted.get(key);
  if (!wanted) of.wanted.set(key, (wanted = wantedFrom(c, kind, what, truth)));
  return wanted;
}

function againstBound(c: Case, { target, model }: Subject, mustBeExact: boolean): Judge {
  // Where subnormal numbers may be flushed, 1 / 2⁻¹⁴⁹ is large or infinite.
  const undecided = flushes(model) && (c.special ?? false);
  const options = { signedZero: target.signedZero ?? true, unbounded: undecided };
  return (got, want) =>
    judge(got, want, (y, wanted, spec) => {
      if (mustBeExact && wanted.error !== null) {
        return {
          share: Infinity,
          problem: 'the bound is not 0: this case is not exact, or its numbers are too large',
        };
      }
      return withinBound(y, wanted, spec, options);
    });
}

const againstBits: Judge = (got, want) => judge(got, want, (y, { value }, spec) => sameBits(y, value, spec));

const againstFirst: Judge = async (got) => {
  const first = { value: await got.get('output 0')!.data(), error: null };
  return againstBits(got, new Map([...got.keys()].map((name) => [name, first])));
};

/** Kind of data, what is run, on what, where the truth comes from, how it is compared. */
type Run = [DataKind, What, Backend, Backend | null, Judge];

/** The runs that make up a mode. */
function runsOf(c: Case, mode: Mode, subject: Subject): Run[] {
  const both = differentiable(c) ? (['outputs', 'gradients'] as const) : (['outputs'] as const);
  const { backend, bounds, target } = subject;
  const bounded = againstBound(c, subject, false);
  switch (mode) {
    case 'test':
      return [['real', 'outputs', backend, bounds, bounded]];
    case 'grad':
      return [['real', 'gradients', backend, bounds, bounded]];
    case 'exact':
      return both.map((what) => ['whole', what, backend, bounds, againstBound(c, subject, true)]);
    case 'bits':
      return both.map((what) => ['real', what, backend, contract, againstBits]);
    case 'fused': {
      if (!fusedBy(backend).length) return [];
      const plain = withFused(backend, undefined);
      return both.map((what) =>
        target.bitExact
          ? ['real', what, backend, plain, againstBits]
          : ['real', what, plain, bounds, bounded],
      );
    }
    case 'compiled':
      return both.flatMap((what): Run[] => [
        target.bitExact
          ? ['real', what, backend, backend, againstBits]
          : ['real', what, backend, bounds, bounded],
        ...(!target.bitExact && modesOf(c, target).includes('exact')
          ? [['whole', what, backend, bounds, againstBound(c, subject, true)] as Run]
          : []),
      ]);
    case 'law':
      return [['real', 'outputs', backend, null, againstFirst]];
  }
}

const contract = createContract();

/** Runs one case in one mode. Failures are returned, not thrown. */
export async function check(c: Case, mode: Mode, subject: Subject): Promise<Outcome> {
  const { target, backend } = subject;
  const reason = reasonAgainst(c, target);
  if (reason !== undefined) return { case: c, mode, status: 'unsupported', share: 0, message: reason };
  const before = memory(backend).tensors;
  let worst: Comparison = { share: 0, problem: null };
  try {
    for (const [kind, what, on, truth, compare] of runsOf(c, mode, subject)) {
      const got = (mode === 'compiled' ? evaluateCompiled : evaluate)(c, on, kind, what);
      const ask = truth === subject.bounds || truth === contract ? reference : wantedFrom;
      const want: Wanted = truth ? await ask(c, kind, what, truth) : new Map();
      const comparison = await compare(got, want);
      if (comparison.share >= worst.share) worst = comparison;
      for (const t of got.values()) t.dispose();
    }
    const leaked = memory(backend).tensors - before;
    if (worst.problem === null && leaked !== 0)
      worst = { share: Infinity, problem: `${leaked} tensors were not freed` };
  } catch (error) {
    if (error instanceof UnsupportedError)
      return {
        case: c,
        mode,
        status: 'failed',
        share: 0,
        message: `not in the target's list of what is unsupported: ${error.message}`,
      };
    worst = {
      share: Infinity,
      problem: error instanceof Error ? (error.stack ?? error.message) : String(error),
    };
  }
  const message = worst.problem ?? '';
  return { case: c, mode, status: worst.problem === null ? 'passed' : 'failed', share: worst.share, message };
}

/** Runs cases in all modes that apply to them. */
export async function checkAll(subject: Subject, list: readonly Case[]): Promise<Outcome[]> {
  const all: Outcome[] = [];
  for (const c of list)
    for (const mode of modesOf(c, subject.target)) all.push(await check(c, mode, subject));
  return all;
}

/** "grad of conv 2-D …: gradient of input 0: at [0, 1] it is …" */
export function describeFailure({ case: c, mode, message }: Outcome): string {
  return `${mode} of ${c.name}: ${message}`;
}
