import { median } from './measure.ts';
import type { Row, Score } from './run.ts';

/** The middle of ratios. */
function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, v) => sum + Math.log(v), 0) / values.length);
}

const short = (n: number): string =>
  n < 0.1 ? n.toFixed(4) : n < 10 ? n.toFixed(2) : n < 100 ? n.toFixed(1) : n.toFixed(0);
const percent = (n: number): string => `${(100 * n).toFixed(0)} %`;

/** How fast it is, in what the group is counted by; larger is better, but for nanoseconds. */
interface Measure {
  readonly header: readonly string[];
  readonly cells: (score: Score, row: Row) => readonly number[];
  readonly show: readonly ((n: number) => string)[];
}
const byFlops: Measure = {
  header: ['GFLOP/s', 'of peak'],
  cells: (s, r) => (r.flops ? [s.gflopsPerSecond!, s.gflopsPerSecond! / r.peak] : []),
  show: [short, percent],
};
const byElements: Measure = {
  header: ['ns/element'],
  cells: (s, r) => (r.elements ? [(s.milliseconds * 1e6) / r.elements] : []),
  show: [short],
};

/** How many times as fast as the peer it is: round by round, as other work on the machine slows down whole rounds. */
const ratio = (own: Score, peer: Score): number =>
  own.rounds === peer.rounds
    ? median(own.times.map((time, round) => peer.times[round]! / time))
    : peer.milliseconds / own.milliseconds;

const peerOf = (own: Score, row: Row, name: string): Score | undefined =>
  row.scores.find((s) => !s.ours && s.name === name && (s.of === undefined || s.of === own.name));

/** In Markdown; the first `names` columns are words, the others numbers. */
export function table(header: readonly string[], lines: readonly (readonly string[])[], names = 2): string {
  const widths = header.map((h, i) => Math.max(h.length, ...lines.map((l) => l[i]!.length)));
  const show = (cells: readonly string[]): string =>
    `| ${cells.map((c, i) => (i < names ? c.padEnd(widths[i]!) : c.padStart(widths[i]!))).join(' | ')} |`;
  const rule = widths.map((w, i) => (i < names ? '-'.repeat(w) : `${'-'.repeat(w - 1)}:`));
  return [show(header), show(rule), ...lines.map(show)].join('\n');
}

const unique = (names: readonly string[]): string[] => [...new Set(names)];
const namesOf = (rows: readonly Row[], ours: boolean): string[] =>
  unique(rows.flatMap((r) => r.scores.filter((s) => s.ours === ours).map((s) => s.name)));

/**
 * One group as a table in Markdown: a line for each case and each of Graft's contenders, and their geometric means.
 * "1.35 (23.5)" under a peer: 1.35 times as fast as the peer, whose GFLOP/s (or nanoseconds) are in brackets.
 */
export function groupTable(rows: readonly Row[]): string {
  const { header, cells, show } = rows.every((r) => r.elements) ? byElements : byFlops;
  const peers = namesOf(rows, false);
  const shown = (values: readonly number[]): string[] =>
    show.map((each, i) => (values.length ? each(values[i]!) : '–'));
  const against = (own: Score, row: Row, name: string): string => {
    const peer = peerOf(own, row, name);
    if (!peer) return '–';
    const [value] = cells(peer, row);
    return `${short(ratio(own, peer))} (${value === undefined ? `${short(peer.milliseconds)} ms` : short(value)})`;
  };
  const lines = rows.flatMap((r) =>
    r.scores
      .filter((s) => s.ours)
      .map((s) => [
        r.name,
        s.name,
        short(s.milliseconds),
        percent(s.spread),
        ...shown(cells(s, r)),
        ...peers.map((p) => against(s, r, p)),
      ]),
  );
  const means = namesOf(rows, true).map((name) => {
    const own = rows.flatMap((row) =>
      row.scores.filter((s) => s.name === name).map((score) => ({ row, score })),
    );
    const values = own.map(({ row, score }) => cells(score, row)).filter((v) => v.length);
    const ratios = peers.map((p) =>
      own.flatMap(({ row, score }) => {
        const peer = peerOf(score, row, p);
        return peer ? [ratio(score, peer)] : [];
      }),
    );
    return [
      ...['geometric mean', name, '', ''],
      ...shown(values.length ? show.map((_, i) => geometricMean(values.map((v) => v[i]!))) : []),
      ...ratios.map((r) => (r.length ? short(geometricMean(r)) : '–')),
    ];
  });
  return table(
    ['case', 'Graft', 'ms', 'spread', ...header, ...peers.map((p) => `× ${p}`)],
    [...lines, ...(rows.length > 1 ? means : [])],
  );
}

/** One case as a table: a line for each contender, the fastest first. */
export function caseTable({ scores, peak }: Row): string {
  const sorted = [...scores].sort((a, b) => a.milliseconds - b.milliseconds);
  const lines = sorted.map((s) => [
    s.name,
    short(s.milliseconds),
    percent(s.spread),
    ...(s.gflopsPerSecond === null
      ? ['–', '–']
      : [short(s.gflopsPerSecond), percent(s.gflopsPerSecond / peak)]),
    short(ratio(s, sorted[0]!)),
  ]);
  return table(['contender', 'ms', 'spread', 'GFLOP/s', 'of peak', '× the fastest'], lines, 1);
}

/** Everything that is missing and why, each sentence once. */
export const reasonsOf = (rows: readonly Row[]): string[] => unique(rows.flatMap((r) => r.reasons));
