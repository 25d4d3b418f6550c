import { table } from '../ops/report.ts';
import type { ProfileLine } from './profile.ts';

/** Calls that take less than this part of the step share a line. */
const SMALL = 0.002;

/** Kernels by their time; how much of the sum of all. */
export function profileTable([all, ...lines]: readonly ProfileLine[]): string {
  const sum = lines.reduce((total, l) => total + l.milliseconds, 0);
  const large = lines.filter((l) => l.milliseconds >= SMALL * sum);
  const small = lines.filter((l) => l.milliseconds < SMALL * sum);
  const total = (name: string, of: readonly ProfileLine[]): ProfileLine => ({
    op: name,
    shapes: '',
    calls: of.reduce((n, l) => n + l.calls, 0),
    draws: of.reduce((n, l) => n + l.draws, 0),
    milliseconds: of.reduce((n, l) => n + l.milliseconds, 0),
  });
  const cells = (l: ProfileLine): string[] => [
    ...[l.op, l.shapes, String(l.calls), String(l.draws), l.milliseconds.toFixed(2)],
    `${((100 * l.milliseconds) / sum).toFixed(1)} %`,
  ];
  return table(
    ['kernel', 'operands and results', 'calls', 'draws', 'ms', 'of the sum'],
    [
      ...large.map(cells),
      ...(small.length ? [cells(total('the rest', small))] : []),
      cells(total('sum', lines)),
      cells({ ...all!, op: 'a step that is waited for once' }),
    ],
  );
}
