import { GraftError, setDefaultBackend, type Backend } from '@graftjs/core';
import { suggestion } from '@graftjs/core/extend';
import type { ArgsDef } from 'citty';
import { number, text, type Values } from './args.ts';
import type { BackendEntry } from './backend-entry.ts';
import { BACKENDS, DEFAULT_BACKEND } from './backends.ts';
import { describeError, UsageError } from './errors.ts';

/** More would only take turns. */
const MOST_THREADS = 128;

/** The options of every command that opens a backend. */
export const BACKEND_ARGS: ArgsDef = {
  backend: {
    type: 'string',
    valueHint: 'NAME',
    description: `What does the arithmetic (${DEFAULT_BACKEND}); see 'graft backends'`,
  },
  threads: {
    type: 'string',
    valueHint: 'N',
    description: 'How many threads it has (one per processor); any number gives the same bits',
  },
};

/** What the command line asks for. */
export interface BackendChoice {
  readonly backend: string;
  /** Null: one per processor. */
  readonly threads: number | null;
}

/** @throws UsageError for an unknown backend, with the suggestion, and for threads that it does not take */
export function backendChoice(values: Values): BackendChoice {
  const entry = find(text(values, 'backend') ?? DEFAULT_BACKEND);
  const threads = number(values, 'threads', { min: 1, max: MOST_THREADS, whole: true }) ?? null;
  if (threads !== null && threads > 1 && !entry.threaded) {
    const others = BACKENDS.filter((b) => b.threaded).map((b) => `--backend ${b.name}`);
    throw new UsageError(
      `the backend '${entry.name}' has one thread, so --threads ${threads} does not go with it; leave it out, or take ${others.join(' or ')}`,
    );
  }
  return { backend: entry.name, threads };
}

function find(name: string): BackendEntry {
  const entry = BACKENDS.find((b) => b.name === name);
  if (entry) return entry;
  const meant = suggestion(
    name,
    BACKENDS.map((b) => b.name),
  );
  const hint = meant === undefined ? '' : `did you mean '${meant}'? `;
  throw new UsageError(`unknown backend '${name}'; ${hint}'graft backends' lists them all`);
}

export interface OpenBackend {
  readonly backend: Backend;
  /** Threads that work now. */
  readonly threads: number;
  /** What is not as it was asked for, and why. */
  readonly notes: readonly string[];
  /** Features that it computes are kept under this: '' for all that give the contract's bits. */
  readonly featureMark: string;
}

/** @throws what the backend throws where it cannot run: see `whyNot` */
export async function createBackend({ backend: name, threads }: BackendChoice): Promise<OpenBackend> {
  const entry = find(name);
  const backend = await entry.create(threads);
  return {
    backend,
    featureMark:
      entry.bits === 'contract'
        ? ''
        : `${name}-${backend.variant === undefined ? '' : `${backend.variant}-`}`,
    get threads() {
      return backend.threads ?? 1;
    },
    notes: backend.notes ?? [],
  };
}

/**
 * A backend that is also the default for everything made from now on.
 * @param say is told what is not as it was asked for.
 * @throws GraftError for one that cannot run here, with the reason
 */
export async function openBackend(choice: BackendChoice, say: (note: string) => void): Promise<OpenBackend> {
  const opened = await createBackend(choice).catch((error: unknown) => {
    throw new GraftError(`the backend '${choice.backend}' cannot run here: ${whyNot(error)}`, {
      cause: error,
    });
  });
  opened.notes.forEach(say);
  setDefaultBackend(opened.backend);
  return opened;
}

/** Why a backend could not be opened, and what to do. */
export function whyNot(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const missing = code === 'ERR_MODULE_NOT_FOUND' ? /^Cannot find package '([^']+)'/.exec(message) : null;
  return missing
    ? `the package ${missing[1]} is not installed; install it with 'npm install ${missing[1]}'`
    : describeError(error);
}
