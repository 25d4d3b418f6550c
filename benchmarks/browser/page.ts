/**
 * The page's side of the runner: contenders that live here, and their tasks by number. `remote.ts` calls it.
 */
import { createWasmBackend } from '@graftjs/backend-wasm';
import { createWebglBackend } from '@graftjs/backend-webgl';
import type { Backend, Layout } from '@graftjs/core';
import { watchLoops, type Rounds } from '../memory/watch.ts';
import type { Contender } from '../ops/contender.ts';
import { graftContender } from '../ops/graft.ts';
import { timed } from '../ops/measure.ts';
import type { StepName } from '../ops/steps.ts';
import type { Task } from '../ops/task.ts';
import type { Work } from '../ops/work.ts';
import { profileStep, type ProfileLine } from './profile.ts';

/** A contender of the page, without what it can do. */
export interface Entry {
  readonly name: string;
  readonly ours: boolean;
}

/** What `window.graft` offers; arguments and results can be sent. */
export interface Bench {
  /** What the page runs on, for the report. */
  device(): Promise<string>;
  open(name: string, threads: number): Promise<Entry[]>;
  /** The task's number, or why there is none. */
  prepare(contender: string, work: Work): Promise<number | string>;
  enter(task: number): Promise<void>;
  time(task: number, runs: number): Promise<number>;
  result(task: number): Promise<number[] | null>;
  close(task: number): Promise<void>;
  /** Memory of long loops on a backend, a line about each. */
  flat(backend: string, rounds: Rounds): Promise<string[]>;
  profile(step: StepName, layout: Layout): Promise<ProfileLine[]>;
}

const contenders = new Map<string, Contender>();
const tasks = new Map<number, Task>();
let count = 0;

const bothLayouts = (name: string, backend: Backend): Contender[] =>
  (['channels-first', 'channels-last'] as const).map((layout) => graftContender(name, backend, layout, true));

const OPEN: Record<string, (threads: number) => Promise<Contender[]>> = {
  webgl: async () => bothLayouts('webgl', await createWebglBackend()),
  wasm: async (threads) => {
    const backend = await createWasmBackend({ threads });
    if (backend.threads !== threads) throw new Error(backend.notes.join('; '));
    return bothLayouts(threads > 1 ? `wasm ×${threads}` : 'wasm', backend);
  },
  'gpu.js': async () => [...(await import('./gpu-js.ts')).gpuJsContenders],
  'tfjs-webgl': async () => [await (await import('../ops/peers/tfjs.ts')).tfjs('webgl')],
  'tfjs-wasm': async () => [await (await import('../ops/peers/tfjs.ts')).tfjs('wasm')],
};

const bench: Bench = {
  async device() {
    const backend = await createWebglBackend();
    const { device } = backend;
    await backend.dispose();
    return device;
  },
  async open(name, threads) {
    const made = await OPEN[name]!(threads);
    for (const contender of made) contenders.set(contender.name, contender);
    return made.map((c) => ({ name: c.name, ours: c.ours }));
  },
  async prepare(contender, work) {
    const task = await contenders.get(contender)!.prepare(work);
    if (typeof task === 'string') return task;
    tasks.set(++count, task);
    return count;
  },
  enter: async (task) => tasks.get(task)!.enter?.(),
  time: (task, runs) => timed(tasks.get(task)!, runs),
  async result(task) {
    const values = await tasks.get(task)!.result?.();
    return values ? Array.from(values) : null;
  },
  async close(task) {
    await tasks.get(task)!.dispose();
    tasks.delete(task);
  },
  async flat(name, rounds) {
    const backend = name === 'wasm' ? await createWasmBackend() : await createWebglBackend();
    return watchLoops(backend, rounds);
  },
  profile: profileStep,
};

Object.assign(window, { graft: bench });
