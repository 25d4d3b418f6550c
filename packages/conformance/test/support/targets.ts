import { existsSync, readdirSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { cases, claimsOf, torchCases, type CaseRecord, type SupportReport } from '../../src/index.ts';
import type { Platform, Target } from '../../src/index.ts';

interface TargetFile {
  readonly target: Target;
  /** The same backend in settings of less weight: their runs are listed, but they have no column. */
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

/** What a target says that it does, where it is run. */
export function claimed(target: Target): SupportReport {
  const where = (['node', 'browser'] as const).filter((p) => target.notIn?.[p] === undefined);
  return {
    target,
    records: Object.fromEntries(where.map((p) => [p, claimsOf(target, p, [...cases, ...torchCases])])),
  };
}

/**
 * What runs have shown of a target.
 * @throws Error if a run is missing that the target is meant to have, or was of other cases
 */
export function shown(target: Target, runs: readonly CaseRecord[]): SupportReport {
  const wanted = Object.entries(claimed(target).records) as [Platform, readonly CaseRecord[]][];
  const records = wanted.map(([platform, claims]) => {
    const found = new Map(
      runs.filter((r) => r.target === target.name && r.platform === platform).map((r) => [r.case, r]),
    );
    const missing = claims.find((claim) => !found.has(claim.case));
    if (missing)
      throw new Error(`the suite did not run on ${target.name} (${platform}): no case ${missing.case}`);
    return [platform, claims.map((claim) => found.get(claim.case)!)] as const;
  });
  return { target, records: Object.fromEntries(records) };
}

/** Where the table is. */
export const SUPPORT_FILE: URL = new URL('../../../../docs/support.md', import.meta.url);
