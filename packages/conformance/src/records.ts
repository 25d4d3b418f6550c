import type { Case } from './cases/index.ts';
import { modesOf, reasonAgainst, type Outcome } from './check.ts';
import type { Platform, Target } from './target.ts';

/** What a run of the suite leaves of a case, as plain data. */
export interface CaseRecord {
  readonly target: string;
  readonly platform: Platform;
  readonly case: string;
  /** In all modes that apply. */
  readonly status: Outcome['status'];
  /** The largest error as a share of its bound, in all modes; 0 where it did not pass. */
  readonly share: number;
  /** Why it is unsupported; empty otherwise. */
  readonly reason: string;
  /** The backend has a kernel for the whole composite that the case is about. */
  readonly fused: boolean;
}

declare module 'vitest' {
  interface TaskMeta {
    /** Of the tests that `runConformance` makes of cases: read by reporters, in Node also when the test is in a browser. */
    conformance?: CaseRecord;
  }
}

/** Where this runs. */
export const platform: Platform = 'document' in globalThis ? 'browser' : 'node';

export function recordOf(
  { name: target }: Target,
  c: Case,
  outcomes: readonly Outcome[],
  fused: boolean,
): CaseRecord {
  const is = (status: Outcome['status']): boolean => outcomes.some((o) => o.status === status);
  const status = is('failed') ? 'failed' : is('unsupported') ? 'unsupported' : 'passed';
  const share = status === 'passed' ? Math.max(0, ...outcomes.map((o) => o.share)) : 0;
  const reason = status === 'unsupported' ? outcomes[0].message : '';
  return { target, platform, case: c.name, status, share, reason, fused };
}

/** The records of a run in which all passes that the target does not leave out. */
export function claimsOf(target: Target, platform: Platform, cases: readonly Case[]): CaseRecord[] {
  return cases
    .filter((c) => modesOf(c, target).length > 0)
    .map((c) => {
      const reason = reasonAgainst(c, target);
      const status = reason === undefined ? 'passed' : 'unsupported';
      return {
        target: target.name,
        platform,
        case: c.name,
        status,
        share: 0,
        reason: reason ?? '',
        fused: false,
      };
    });
}
