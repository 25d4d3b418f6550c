import type { Target } from '@graftjs/conformance';

/** The targets of all packages, as the table of support has them. Loaded by address: no package's sources need the suite's tests. */
export async function allTargets(): Promise<Target[]> {
  const { href } = new URL('../../../conformance/test/support/targets.ts', import.meta.url);
  const targets = (await import(/* @vite-ignore */ href)) as { allTargets(): Promise<Target[]> };
  return targets.allTargets();
}
