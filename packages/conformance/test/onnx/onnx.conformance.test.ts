import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { allTargets } from '../support/targets.ts';
import { DATA, onnxCases, present } from './cases.ts';
import { verdictsOn, type Verdict } from './run.ts';
import { onnxTable, ONNX_FILE } from './table.ts';

/** So many pass; whoever makes more pass raises it. */
const FLOOR = 930;

if (!present) {
  const why = `ONNX's tests are not at ${DATA}: apt-get install libonnx-testdata`;
  if (process.env['CI']) throw new Error(why);
  console.warn(`\n*** Skipped: ${why}\n`);
}

describe.skipIf(!present)("ONNX's own tests", async () => {
  const cases = present ? onnxCases() : [];
  // They give the same bits, so each must pass what the other does; other backends are held to their own bounds elsewhere.
  const targets = present ? (await allTargets()).filter((t) => t.bitExact) : [];
  const nameOf = ({ case: { suite, name }, reason }: Verdict): string => `${suite} ${name}: ${reason}`;

  // Error analysis of a thousand graphs takes half a minute.
  test.each(targets.map((t) => [t.name, t] as const))(
    '%s gives no wrong result',
    { timeout: 300_000 },
    async (_, target) => {
      const backend = await target.create();
      const verdicts = await verdictsOn(backend, cases);
      await backend.dispose();
      const list = (status: Verdict['status']): string[] =>
        verdicts.filter((v) => v.status === status).map(nameOf);
      expect(list('failed')).toEqual([]);
      expect(list('passed').length).toBeGreaterThanOrEqual(FLOOR);
      // What is refused is refused by the reader, or by an operation: never by a backend.
      const written = readFileSync(ONNX_FILE, 'utf8');
      expect(written, 'write it with: pnpm --filter @graftjs/conformance onnx-support').toBe(
        onnxTable(verdicts),
      );
    },
  );
});
