import { existsSync, readdirSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import type { Target } from '../../src/index.ts';

interface TargetFile {
  readonly target: Target;
  /** The same backend in settings of less weight: what they do not do is listed, but they have no column. */
  readonly others?: readonly Target[];
}

async function targetFiles(): Promise<TargetFile[]> {
  const packages = new URL('../../../', import.meta.url);
  const files = readdirSync(packages)
    .map((name) => new URL(`${name}/test/target.ts`, packages))
    .filter((file) => existsSync(file));
  return Promise.all(
    files.map((file) => import(/* @vite-ignore */ pathToFileURL(file.pathname).href) as Promise<TargetFile>),
  );
}

/** The targets of all packages: whoever has a `test/target.ts` is in the table. */
export async function allTargets(): Promise<Target[]> {
  return (await targetFiles())
    .map(({ target }) => target)
    .sort((a, b) => Number(b.name === 'cpu') - Number(a.name === 'cpu'));
}

export async function otherTargets(): Promise<Target[]> {
  return (await targetFiles()).flatMap(({ others = [] }) => others);
}

/** Where the table is. */
export const SUPPORT_FILE: URL = new URL('../../../../docs/support.md', import.meta.url);
