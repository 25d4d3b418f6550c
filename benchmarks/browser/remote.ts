import type { Page } from 'playwright';
import type { Contender } from '../ops/contender.ts';
import type { Task } from '../ops/task.ts';
import type { Work } from '../ops/work.ts';
import type { Bench } from './page.ts';

/** Calls a function of the page's `Bench`. */
async function call<N extends keyof Bench>(
  page: Page,
  name: N,
  ...args: Parameters<Bench[N]>
): Promise<Awaited<ReturnType<Bench[N]>>> {
  const run = ([fn, given]: [string, unknown[]]): unknown =>
    (window as unknown as { graft: Record<string, (...a: unknown[]) => unknown> }).graft[fn]!(...given);
  return (await page.evaluate<unknown, [string, unknown[]]>(run, [name, args])) as Awaited<
    ReturnType<Bench[N]>
  >;
}

/** Contenders that work in the page; it is measured there, by the page's clock. */
export async function remoteContenders(page: Page, name: string, threads: number): Promise<Contender[]> {
  const entries = await call(page, 'open', name, threads);
  return entries.map(({ name, ours }): Contender => ({
    name,
    ours,
    parallel: true,
    // Cases of the conformance suite are functions, which cannot be sent.
    prepare: async (work) => (work.kind === 'case' ? '' : remoteTask(page, name, work)),
    dispose: async () => {},
  }));
}

async function remoteTask(page: Page, contender: string, work: Work): Promise<Task | string> {
  const task = await call(page, 'prepare', contender, work);
  if (typeof task === 'string') return task;
  const time = (runs: number): Promise<number> => call(page, 'time', task, runs);
  return {
    run: async () => void (await time(1)),
    time,
    enter: () => call(page, 'enter', task),
    result: () => call(page, 'result', task),
    dispose: () => call(page, 'close', task),
  };
}

export const flat = (page: Page, ...args: Parameters<Bench['flat']>): ReturnType<Bench['flat']> =>
  call(page, 'flat', ...args);

export const profile = (page: Page, ...args: Parameters<Bench['profile']>): ReturnType<Bench['profile']> =>
  call(page, 'profile', ...args);
