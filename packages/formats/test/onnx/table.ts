import { SUITES } from './cases.ts';
import type { Verdict } from './run.ts';

/** Where the table is. */
export const ONNX_FILE: URL = new URL('../../../../docs/onnx-support.md', import.meta.url);

const count = (list: readonly Verdict[], status: Verdict['status']): number =>
  list.filter((v) => v.status === status).length;

const cell = (text: string): string => text.replaceAll('|', '\\|');

/** Reasons with how many cases have each, the most frequent first. */
function reasons(list: readonly Verdict[]): string {
  const seen = new Map<string, number>();
  for (const v of list) seen.set(v.reason, (seen.get(v.reason) ?? 0) + 1);
  return [...seen]
    .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
    .map(([reason, n]) => (n > 1 ? `${reason} (${n}×)` : reason))
    .join('; ');
}

/** `docs/onnx-support.md`. */
export function onnxTable(verdicts: readonly Verdict[]): string {
  const operators = new Map<string, Verdict[]>();
  for (const v of verdicts) for (const op of v.ops) operators.set(op, [...(operators.get(op) ?? []), v]);
  const rows = [...operators].sort(([a], [b]) => (a < b ? -1 : 1));
  return `# ONNX operators that Graft imports

Written by \`pnpm --filter @graftjs/formats onnx-support\` from ONNX's own backend tests (1.12, Debian's package
libonnx-testdata); a test holds it up to date. Each case is imported, run on the backends that give the bits of the
contract (cpu and wasm; a slow test runs the others), and compared with ONNX's values. Whole numbers and truths must be equal. Floats may differ by twice
the bound that running error analysis gives for that very graph, and by the rounding with which ONNX stored them; nine cases
whose values are less exact than that, each with its reason in \`compare.ts\`, by what ONNX's own runner allows. A case that
is not passed is refused with the reason: none gives a wrong result.

Graft computes all floats in float32 and all integers in int32: float64 is rounded to float32, float16 and bfloat16 are held
exactly (a cast to float16 rounds), and an integer beyond ±2³¹ is refused. Integers of 8 and 16 bits wrap as they do in
ONNX, those of 32 and 64 at 32 bits. Axes, extents, indices that are written to, and the limits of a range must be known when
the model is read: constants of the file, or \`known\` values of inputs, as here those of the case.

| tests | cases | passed | failed | refused |
| --- | --- | --- | --- | --- |
${[...SUITES, null]
  .map((suite) => {
    const list = verdicts.filter((v) => suite === null || v.case.suite === suite);
    const cells = [
      suite ?? '**all**',
      list.length,
      ...(['passed', 'failed', 'refused'] as const).map((s) => count(list, s)),
    ];
    return `| ${cells.join(' | ')} |`;
  })
  .join('\n')}

## By operator

A case counts for every operator in its model, also where another of them is the reason that it is refused.

| operator | passed | refused | why |
| --- | --- | --- | --- |
${rows
  .map(([op, list]) => {
    const refused = list.filter((v) => v.status !== 'passed');
    const why = reasons(refused)
      .replaceAll(`${op}: `, '')
      .replace(new RegExp(`^${op}(?= |$)`), 'not imported');
    return `| ${op} | ${count(list, 'passed')} | ${refused.length || ''} | ${cell(why)} |`;
  })
  .join('\n')}
`;
}
