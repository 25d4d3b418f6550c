import type { OpName } from '@graftjs/core/backend';
import type { Case, Family } from './cases/index.ts';
import { cases, FAMILIES } from './cases/index.ts';
import { torchCases } from './golden-file.ts';
import { aboutPrimitives } from './primitives/index.ts';
import type { CaseRecord } from './records.ts';
import type { Platform, Target } from './target.ts';

/** What a target did with every case, where its suite was run. */
export interface SupportReport {
  readonly target: Target;
  readonly records: Readonly<Partial<Record<Platform, readonly CaseRecord[]>>>;
}

const PLATFORMS: Readonly<Record<Platform, string>> = { node: 'Node', browser: 'Chromium' };
const platforms = Object.keys(PLATFORMS) as Platform[];

/** The cases that have a row. Laws are about several ops, and run on targets that claim the contract only. */
const listed: readonly Case[] = [...cases, ...torchCases].filter((c) => !c.law);

const TITLES: Readonly<Record<Family, string>> = {
  elementwise: 'Elementwise',
  movement: 'Movement',
  reduce: 'Reductions',
  matmul: 'Matrix product',
  conv: 'Convolution',
  pool: 'Pooling',
  composite: 'Composites',
  fused: 'Fused composites',
  training: 'Training',
  golden: "PyTorch's values",
};

/** The error bound in words. */
function boundOf({ op, family }: Case): string {
  const [name, kind] = op.split(' ');
  if (family === 'composite' || !Object.hasOwn(aboutPrimitives, name)) return 'propagated';
  const { bound } = aboutPrimitives[name as OpName];
  return typeof bound === 'string' ? bound : bound(kind);
}

const ABOUT_FUSED = [
  '**fused**: the backend has one kernel for the whole composite, and its bits were compared with those of the',
  'decomposition into primitives, which runs everywhere else (`packages/core/src/fused.ts`).',
  '',
];

const FUSED = '**fused** ';

/** Footnotes: reasons, each of which gets a number. */
class Notes {
  readonly reasons: string[] = [];

  mark(reasons: readonly string[]): string {
    return [...new Set(reasons)]
      .map((reason) => {
        if (!this.reasons.includes(reason)) this.reasons.push(reason);
        return ` [${this.reasons.indexOf(reason) + 1}]`;
      })
      .join('');
  }
}

/** Marks the counts of a backend whose every bit was compared. */
const SAME_BITS = ' =';

interface Cell {
  /** How many passed, and whose bits were compared. */
  readonly count: string;
  /** The largest error as a share of its bound; empty if there was none. */
  readonly share: string;
  readonly notes: string;
}

/** What a target did with some cases on one platform. */
function cellOf(records: readonly CaseRecord[], { bitExact }: Target, notes: Notes): Cell {
  const run = records.filter(({ status }) => status !== 'unsupported');
  const passed = run.filter(({ status }) => status === 'passed');
  const missing = notes.mark(
    records.flatMap(({ status, reason }) => (status === 'unsupported' ? [reason] : [])),
  );
  if (run.length === 0) return { count: '–', share: '', notes: missing };
  const fused = run.some((r) => r.fused) ? FUSED : '';
  const count = passed.length === run.length ? `${run.length}` : `**${passed.length} of ${run.length}**`;
  const share = Math.max(0, ...passed.map((r) => r.share));
  return {
    count: `${fused}${count}${bitExact ? SAME_BITS : ''}`,
    share: share > 0 ? ` ${share.toFixed(2)}` : '',
    notes: missing,
  };
}

/** Both platforms in one cell, told apart where they differ. */
function merged(cells: readonly Cell[]): string {
  const [first, ...others] = cells.map(({ count, share, notes }) => `${count}${share}${notes}`);
  if (others.every((text) => text === first)) return first;
  const { count, notes } = cells[0];
  if (!cells.every((c) => c.count === count && c.notes === notes)) return [first, ...others].join(' / ');
  // The same bits have the same errors: one run has compared them.
  if (count.endsWith(SAME_BITS)) return `${count}${cells.find((c) => c.share)!.share}${notes}`;
  return `${count} ${cells.map((c) => c.share.trim() || '0.00').join(' / ')}${notes}`;
}

/** The platforms that a report has records of. */
const ranOn = ({ records }: SupportReport): Platform[] => platforms.filter((p) => records[p] !== undefined);

function caption(report: SupportReport): string {
  const { name, notIn = {} } = report.target;
  const [only] = ranOn(report);
  return Object.keys(notIn).length ? `${name} (${PLATFORMS[only]})` : name;
}

/** Cases by op, layout and number of spatial axes, in the order of the list, an op's layouts and ranks together. */
function rowsOf(family: Family): (readonly [Case, ...Case[]])[] {
  const rows = new Map<string, [Case, ...Case[]]>();
  for (const c of listed.filter((c) => c.family === family)) {
    const key = [c.op, c.layout ?? '', c.rank ?? ''].join('|');
    const own = rows.get(key);
    if (own) own.push(c);
    else rows.set(key, [c]);
  }
  const order = [...rows.values()].map(([first]) => first.op);
  return [...rows.values()].sort(([a], [b]) => order.indexOf(a.op) - order.indexOf(b.op));
}

const NAMES = /^(unary|binary|compare|reduce|PyTorch's) /;

function familyTable(family: Family, reports: readonly SupportReport[], notes: Notes): string[] {
  const rows = rowsOf(family);
  const spatial = rows.some(([first]) => first.layout !== undefined);
  const header = ['op', ...(spatial ? ['layout', 'axes'] : []), 'bound', ...reports.map(caption)];
  const found = reports.map((report) =>
    ranOn(report).map((p) => new Map(report.records[p]!.map((r) => [r.case, r]))),
  );
  const lines = rows.map((own) => {
    const [first] = own;
    const cells = reports.map(({ target }, i) =>
      merged(
        found[i].map((records) =>
          cellOf(
            own.flatMap((c) => records.get(c.name) ?? []),
            target,
            notes,
          ),
        ),
      ),
    );
    const at = spatial ? [first.layout ?? '', String(first.rank ?? '')] : [];
    return row([first.op.replace(NAMES, ''), ...at, boundOf(first), ...cells]);
  });
  const title = ['', `## ${TITLES[family]}`, '', ...(family === 'fused' ? ABOUT_FUSED : [])];
  return [...title, row(header), row(header.map(() => '---')), ...lines];
}

/** Every run of the suite, those of no column as well. */
function runsTable(reports: readonly SupportReport[], notes: Notes): string[] {
  const header = ['suite', ...platforms.map((p) => PLATFORMS[p])];
  const lines = reports.map(({ target, records }) => {
    const cells = platforms.map((p) => {
      const own = records[p];
      if (!own) return `–${notes.mark([target.notIn?.[p] ?? 'not run'])}`;
      const { count, share, notes: missing } = cellOf(own, target, notes);
      return `${count.replace(FUSED, '')}${share}${missing}`;
    });
    return row([target.name, ...cells]);
  });
  return ['', '## Runs', '', row(header), row(header.map(() => '---')), ...lines];
}

/** `docs/support.md`: a column for each of `reports`; `others` are in the table of runs only. */
export function supportTable(
  reports: readonly SupportReport[],
  others: readonly SupportReport[] = [],
): string {
  const notes = new Notes();
  const lines = [
    '# Which backend does what, and how exactly',
    '',
    'Written by `pnpm --filter @graftjs/conformance support` from runs of the suite that every backend runs, in Node and in',
    'Chromium; a test holds it up to date. A cell says how many cases of an op passed, each in all its modes (values, exact',
    'integers, gradients), then the largest error found, as a share of the proven bound: below 1.00 always, or the case would',
    'have failed. Where Node and Chromium differ, there are both: `Node / Chromium`. `=` marks a backend whose every bit was',
    'also compared with the contract in `packages/core/src/primitives.ts`; its errors are those of cpu, where their shares stand.',
    'A number in brackets is a case that is left out, and leads to the reason at the end.',
    '',
    "Bounds: u = 2⁻²⁴, n = number of terms; *propagated* means by running error analysis through the op's parts, gradients",
    "included; a backend whose arithmetic is not cpu's has its own in `test/target.ts`. [adding-a-backend.md](adding-a-backend.md)",
    'says more. Which ONNX operators are imported: [onnx-support.md](onnx-support.md).',
    '',
    "`npm test` compares models that were trained on onnx with those of wasm on a quarter of the demo's 1,492 test pictures, for",
    'the time that all of them take; `GRAFT_TEST_ALL=1 npm test -- cli/test/onnx` takes all.',
    ...runsTable([...reports, ...others], notes),
    ...FAMILIES.flatMap((family) => familyTable(family, reports, notes)),
    '',
    '## Left out',
    '',
    ...notes.reasons.map((reason, i) => `${i + 1}. ${reason}`),
  ];
  return `${lines.join('\n')}\n`;
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}
