import { clear, getMany, set } from 'idb-keyval';
import type { Class } from './worker.ts';

/*
 * What was collected and trained outlives the page, in the browser's IndexedDB. One tab alone keeps it, for two would overwrite
 * each other; a second one works all the same.
 */

interface Kept {
  readonly classes: Class[];
  /** The file of the model that was finished last. */
  readonly model?: Uint8Array<ArrayBuffer> | undefined;
}

/** Whether this tab is the one that keeps. It is for as long as it is open. */
export const isKeeper: boolean = await takeLock();

function takeLock(): Promise<boolean> {
  const { locks } = navigator as { readonly locks?: LockManager }; // missing on pages from http:
  if (!locks) return Promise.resolve(true);
  const signal = AbortSignal.timeout(1000); // a page that is loaded anew waits for the one before it
  return new Promise((resolve) => {
    const holdForever = (): Promise<never> => {
      resolve(true);
      return new Promise(() => {});
    };
    locks.request('graft-sample', { signal }, holdForever).catch(() => resolve(false));
  });
}

/** What an earlier visit has left: nothing, where the browser lets nothing be kept. */
export async function recall(): Promise<Kept> {
  try {
    const [classes = [], model] = await getMany<unknown>(['classes', 'model']);
    return { classes, model } as Kept;
  } catch {
    return { classes: [] };
  }
}

export async function keep<K extends keyof Kept>(key: K, value: Kept[K]): Promise<void> {
  if (isKeeper) await set(key, value);
}

export const forgetAll: () => Promise<void> = clear;
