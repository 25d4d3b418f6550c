import type { FusedName } from '@graftjs/core';
import { cases, FAMILIES, type Case, type Family } from './cases/index.ts';
import { checkAll, modesOf, reasonAgainst, subjectOf, type Outcome } from './check.ts';
import { fusedBy } from './fused.ts';
import type { Target } from './target.ts';

/** What a target did with every case. */
export interface SupportReport {
  readonly target: Target;
  readonly outcomes: readonly Outcome[];
  /** The composites that it has kernels for. */
  readonly fused: readonly FusedName[];
}

export async function supportOf(target: Target): Promise<SupportReport> {
  const backend = await target.create();
  const outcomes = await checkAll(subjectOf(target, backend), cases);
  const fused = fusedBy(backend);
  await backend.dispose();
  return { target, outcomes, fused };
}

/** The same without running anything: all that the target does not leave out passes, as its own tests show. */
export async function claimOf(target: Target): Promise<SupportReport> {
  const backend = await target.create();
  const fused = fusedBy(backend);
  await backend.dispose();
  const outcomes = cases.flatMap((c) =>
    modesOf(c, target).map((mode): Outcome => {
      const reason = reasonAgainst(c, target);
      return {
        case: c,
        mode,
        status: reason === undefined ? 'passed' : 'unsupported',
        share: 0,
        message: reason ?? '',
      };
    }),
  );
  return { target, outcomes, fused };
}

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

const SAME = 'none: the same numbers';

/** The bound in words, by the name of the op; the code is in `packages/conformance/src/bounds`. */
const BOUNDS: readonly (readonly [RegExp, string])[] = [
  [/^unary (neg|abs|sign|floor|ceil|round|relu|not)$|^binary (max|min)$|^compare|^select$/, SAME],
  [/^unary (sqrt|reciprocal)$|^binary (add|sub|mul|div)$|^cast$/, 'one rounding'],
  [/^unary|^binary pow$/, "the function's ulps"],
  [/^reduce sum$/, 'chain of additions · u · Σ\\|x\\|'],
  [/^reduce|^maxPool$/, SAME],
  [/^scatterAdd$|^maxPoolGrad$/, '(n − 1) · u · Σ\\|x\\|'],
  [/^matmul$|^conv$|^convInputGrad$|^convWeightGrad$/, 'n · u · Σ\\|x\\|\\|w\\|'],
  [/^avgPool/, '(n − 1) · u · Σ\\|x\\|, one rounding'],
];
const PROPAGATED = 'propagated';

function boundOf(c: Case): string {
  if (c.family === 'movement') return c.op === 'scatterAdd' ? '(n − 1) · u · Σ\\|x\\|' : SAME;
  return BOUNDS.find(([pattern]) => pattern.test(c.op))?.[1] ?? PROPAGATED;
}

const ABOUT_FUSED = [
  '**fused**: the backend has one kernel for the whole composite, and its bits were compared with those of the',
  'decomposition into primitives, which runs everywhere else (`packages/core/src/fused.ts`).',
  '',
];

/** One cell: how many cases passed in all their modes, and the largest error as a share of its bound. */
function cell(outcomes: readonly Outcome[], { bitExact }: Target, note: (reason: string) => string): string {
  const unsupported = outcomes.filter(({ status }) => status === 'unsupported');
  const byCase = new Map<string, boolean>();
  for (const { case: c, status } of outcomes) {
    if (status !== 'unsupported') byCase.set(c.name, (byCase.get(c.name) ?? true) && status === 'passed');
  }
  const passed = [...byCase.values()].filter(Boolean).length;
  const share = Math.max(0, ...outcomes.filter(({ status }) => status === 'passed').map((o) => o.share));
  const missing = [...new Set(unsupported.map(({ message }) => message))].map(note).join('');
  if (byCase.size === 0) return `–${missing}`;
  const count = passed === byCase.size ? `${passed}` : `**${passed} of ${byCase.size}**`;
  return `${count}${bitExact ? ' =' : ''}${share > 0 ? ` ${share.toFixed(2)}` : ''}${missing}`;
}

interface Row {
  readonly first: Case;
  readonly outcomes: readonly (readonly Outcome[])[];
}

/** Outcomes by op, layout and number of spatial axes, in the order of the cases. */
function rowsOf(reports: readonly SupportReport[], family: Family): Row[] {
  const rows = new Map<string, { first: Case; outcomes: Outcome[][] }>();
  const keyOf = (c: Case): string => [c.op, c.layout ?? '', c.rank ?? ''].join('|');
  for (const c of cases) {
    if (c.family === family && !c.law) rows.set(keyOf(c), { first: c, outcomes: reports.map(() => []) });
  }
  reports.forEach(({ outcomes }, i) => {
    for (const o of outcomes) if (o.case.family === family) rows.get(keyOf(o.case))?.outcomes[i].push(o);
  });
  // An op's layouts and ranks together.
  const order = [...rows.values()].map(({ first }) => first.op);
  return [...rows.values()].sort((a, b) => order.indexOf(a.first.op) - order.indexOf(b.first.op));
}

/** `docs/support.md`; of `others` only what they do not do. */
export function supportTable(reports: readonly SupportReport[], others: readonly Target[] = []): string {
  const reasons: string[] = [];
  const note = (reason: string): string => {
    if (!reasons.includes(reason)) reasons.push(reason);
    return ` [${reasons.indexOf(reason) + 1}]`;
  };
  const names = reports.map(({ target }) => target.name);
  const lines = [
    '# Which backend does what, and how exactly',
    '',
    'Written by `pnpm --filter @graftjs/conformance support` from the suite that every backend runs; a test holds it up to',
    'date. A cell says how many cases of an op passed, each in all its modes (values, exact integers, gradients), then the',
    'largest error found, as a share of the proven bound: below 1.00 always, or the case would have failed. `=` marks a',
    'backend whose every bit was also compared with the contract in `packages/core/src/primitives.ts`.',
    '',
    `Bounds: u = 2⁻²⁴, n = number of terms; *${PROPAGATED}* means by running error analysis through the op's parts, gradients`,
    'included. [adding-a-backend.md](adding-a-backend.md) says more. Which ONNX operators are imported:',
    '[onnx-support.md](onnx-support.md).',
  ];
  for (const family of FAMILIES) {
    const rows = rowsOf(reports, family);
    if (!rows.length) continue;
    const spatial = rows.some(({ first }) => first.layout !== undefined);
    const where = spatial ? ['layout', 'axes'] : [];
    const header = ['op', ...where, 'bound', ...names];
    lines.push('', `## ${TITLES[family]}`, '', ...(family === 'fused' ? ABOUT_FUSED : []));
    lines.push(row(header), row(header.map(() => '---')));
    for (const { first, outcomes } of rows) {
      const at = spatial ? [first.layout ?? '', String(first.rank ?? '')] : [];
      const cells = outcomes.map((list, i) => {
        const passed = cell(list, reports[i].target, note);
        return family === 'fused' && reports[i].fused.includes(first.op as FusedName)
          ? `**fused** ${passed}`
          : passed;
      });
      lines.push(
        row([first.op.replace(/^(unary|binary|compare|reduce) /, ''), ...at, boundOf(first), ...cells]),
      );
    }
  }
  if (reasons.length)
    lines.push('', '## Not supported', '', ...reasons.map((reason, i) => `${i + 1}. ${reason}`));
  for (const { name, unsupported = {} } of others) {
    lines.push('', `## Skipped for ${name}`, '');
    for (const [cases, reason] of Object.entries(unsupported)) lines.push(`- ${cases}: ${reason}`);
  }
  return `${lines.join('\n')}\n`;
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}
