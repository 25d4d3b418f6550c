import { existsSync, readdirSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import type { Target } from '../../src/index.ts';

/** The targets of all packages: whoever has a `test/target.ts` is in the table. */
export async function allTargets(): Promise<Target[]> {
  const packages = new URL('../../../', import.meta.url);
  const files = readdirSync(packages)
    .map((name) => new URL(`${name}/test/target.ts`, packages))
    .filter((file) => existsSync(file));
  const modules = await Promise.all(
    files.map(
      (file) => import(/* @vite-ignore */ pathToFileURL(file.pathname).href) as Promise<{ target: Target }>,
    ),
  );
  return modules
    .map(({ target }) => target)
    .sort((a, b) => Number(b.name === 'cpu') - Number(a.name === 'cpu'));
}

/** Where the table is. */
export const SUPPORT_FILE: URL = new URL('../../../../docs/support.md', import.meta.url);
