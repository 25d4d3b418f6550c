import { setDefaultBackend } from '@graftjs/core';
import { type FusedName } from '@graftjs/core/backend';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { contractTests } from './behaviour.ts';
import { bitwise, RecordedBits } from './bitwise.ts';
import { cases, FAMILIES } from './cases/index.ts';
import { check, describeFailure, modesOf, openSubject, type Outcome, type Subject } from './check.ts';
import { fusedBy } from './fused.ts';
import { torchCases } from './golden-file.ts';
import { checkProperty, properties } from './properties.ts';
import { recordOf } from './records.ts';
import type { Target } from './target.ts';

const failures = (outcomes: readonly Outcome[]): string[] =>
  outcomes.filter(({ status }) => status === 'failed').map(describeFailure);

/**
 * Registers every case, in every mode that applies, as vitest tests of a backend, in Node or in a page. What became of a
 * case is in its test's `meta.conformance`, from which the support table is written.
 */
export function runConformance(target: Target): void {
  describe(`conformance of ${target.name}`, () => {
    let subject: Subject;
    beforeAll(async () => {
      subject = await openSubject(target);
      setDefaultBackend(subject.backend); // what each run of a case finds and restores
    });
    afterAll(async () => {
      setDefaultBackend(null);
      await subject?.backend.dispose();
    });

    const all = [...cases, ...torchCases].filter((c) => modesOf(c, target).length > 0);
    for (const family of FAMILIES) {
      const own = all.filter((c) => c.family === family);
      if (own.length === 0) continue; // vitest takes an empty suite for a mistake
      describe(family, () => {
        for (const c of own) {
          test(c.name, async ({ skip, task }) => {
            const outcomes: Outcome[] = [];
            for (const mode of modesOf(c, target)) outcomes.push(await check(c, mode, subject));
            const fused = family === 'fused' && fusedBy(subject.backend).includes(c.op as FusedName);
            task.meta.conformance = recordOf(target, c, outcomes, fused);
            const unsupported = outcomes.find(({ status }) => status === 'unsupported');
            if (unsupported) skip(unsupported.message);
            expect(failures(outcomes)).toEqual([]);
          });
        }
      });
    }

    describe('random cases', () => {
      for (const property of properties) {
        test(property.name, async () => {
          expect(await checkProperty(property, subject)).toBeNull();
        });
      }
    });

    const variants = Object.entries(target.variants ?? {});
    describe.runIf(variants.length > 0)('the same bits in other settings', () => {
      let recorded: RecordedBits;
      beforeAll(() => {
        recorded = new RecordedBits(subject.backend);
      });
      for (const [name, create] of variants) {
        test(name, async () => {
          const variant = await create();
          expect(failures(await bitwise(recorded, variant, all))).toEqual([]);
          await variant.dispose();
        });
      }
    });

    describe('the backend contract', () => {
      for (const [name, run] of Object.entries(contractTests)) test(name, () => run(subject.backend));
    });
  });
}
