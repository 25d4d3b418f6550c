import { describe, expect, test } from 'vitest';
import type { Target } from '@graftjs/conformance';
import { DATA, onnxCases, present } from './cases.ts';
import { verdictsOn, type Verdict } from './run.ts';

/** So many pass; whoever makes more pass raises it. */
const FLOOR = 935;

/**
 * ONNX's own tests on targets: none fails, and enough pass. Where the tests are not installed they are skipped, and say
 * so; in continuous integration that is a failure.
 */
export function runOnnxTests(
  targets: readonly Target[],
  also?: (verdicts: readonly Verdict[]) => void,
): void {
  const why = `ONNX's tests are not in ${DATA}: apt-get install libonnx-testdata`;
  if (!present && process.env['CI']) throw new Error(why);
  if (!present) console.warn(`\n*** Skipped: ${why}\n`);
  const nameOf = ({ case: { suite, name }, reason }: Verdict): string => `${suite} ${name}: ${reason}`;

  describe(present ? "ONNX's own tests" : why, () => {
    // The error analysis of a thousand graphs takes half a minute.
    test.skipIf(!present).each(targets.map((t) => [t.name, t] as const))(
      'no wrong result on %s',
      { timeout: 300_000 },
      async (_, target) => {
        const backend = await target.create();
        const verdicts = await verdictsOn(backend, onnxCases());
        await backend.dispose();
        const list = (status: Verdict['status']): string[] =>
          verdicts.filter((v) => v.status === status).map(nameOf);
        expect(list('failed')).toEqual([]);
        expect(list('passed').length).toBeGreaterThanOrEqual(FLOOR);
        also?.(verdicts);
      },
    );
  });
}
