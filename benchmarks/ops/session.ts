import { loadavg } from 'node:os';
import { benchCases } from './cases.ts';
import type { Contender } from './contender.ts';
import { caseTable, groupTable, reasonsOf } from './report.ts';
import { runCase, type Row, type RunOptions } from './run.ts';
import type { BenchCase } from './work.ts';

/** Words between commas; 'none' is none of them. */
export const list = (names: string): string[] => names.split(',').filter((n) => n !== '' && n !== 'none');

/** The cases that have one of these parts, separated by commas, in 'group: name'. */
export function casesWith(parts: string): BenchCase[] {
  const wanted = list(parts);
  return benchCases.filter(
    ({ group, name }) => !wanted.length || wanted.some((p) => `${group}: ${name}`.includes(p)),
  );
}

/** Processes that wanted to run in the last minute, on average. */
export const load = (): number => loadavg()[0]!;

/** Beside the measuring process itself. */
const BUSY = 1.5;
export function warnIfBusy(when: string): void {
  if (load() > BUSY)
    console.log(
      `\nWarning: the load average ${when} was ${load().toFixed(1)}: other work disturbs these numbers.`,
    );
}

const say = (text: string): void => void process.stderr.write(text);

/** Measures group by group, prints a table for each (`apart`: for each case, with a line for every contender), and at the end what is missing. */
export async function measureAll(
  cases: readonly BenchCase[],
  contenders: readonly Contender[],
  missing: readonly string[],
  options: RunOptions,
  { apart = false } = {},
): Promise<Row[]> {
  const rows: Row[] = [];
  for (const group of new Set(cases.map((c) => c.group))) {
    const own: Row[] = [];
    for (const each of cases.filter((c) => c.group === group)) {
      say(`\r\x1b[K${group}: ${each.name}`);
      own.push(await runCase(each, contenders, options));
    }
    say('\r\x1b[K');
    rows.push(...own);
    if (apart) for (const row of own) console.log(`\n${group}: ${row.name}\n\n${caseTable(row)}`);
    else console.log(`\n${group}\n\n${groupTable(own)}`);
  }
  const reasons = [...missing, ...reasonsOf(rows)];
  if (reasons.length)
    console.log(`\nNot measured, or not in full:\n${reasons.map((r) => `- ${r}`).join('\n')}`);
  warnIfBusy('at the end');
  return rows;
}
