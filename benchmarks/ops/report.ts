import type { Row, Score } from './run.ts';

/** The middle of ratios. */
export function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, v) => sum + Math.log(v), 0) / values.length);
}

const short = (n: number): string => (n < 10 ? n.toFixed(2) : n < 100 ? n.toFixed(1) : n.toFixed(0));

/** How many times as fast as the peer it is. */
export const ratio = (own: Score, peer: Score): number => peer.milliseconds / own.milliseconds;

/** "1.35 (23.5)": times as fast as the peer, and the peer's GFLOP/s (or milliseconds, if there are none). */
function against(own: Score, peer: Score | undefined): string {
  if (!peer) return '–';
  const of = peer.gflopsPerSecond === null ? `${short(peer.milliseconds)} ms` : short(peer.gflopsPerSecond);
  return `${short(ratio(own, peer))} (${of})`;
}

function table(header: readonly string[], lines: readonly (readonly string[])[]): string {
  const widths = header.map((h, i) => Math.max(h.length, ...lines.map((l) => l[i]!.length)));
  const show = (cells: readonly string[]): string =>
    `| ${cells.map((c, i) => (i < 2 ? c.padEnd(widths[i]!) : c.padStart(widths[i]!))).join(' | ')} |`;
  const rule = widths.map((w, i) => (i < 2 ? '-'.repeat(w) : `${'-'.repeat(w - 1)}:`));
  return [show(header), show(rule), ...lines.map(show)].join('\n');
}

const unique = (names: readonly string[]): string[] => [...new Set(names)];

/** One group as a table in Markdown: a line for each case and each of Graft's contenders, and their geometric means. */
export function groupTable(rows: readonly Row[]): string {
  const peers = unique(rows.flatMap((r) => r.scores.filter((s) => !s.ours).map((s) => s.name)));
  const ours = unique(rows.flatMap((r) => r.scores.filter((s) => s.ours).map((s) => s.name)));
  const header = ['case', 'Graft', 'ms', 'GFLOP/s', 'of peak', ...peers.map((p) => `× ${p}`)];
  const lines = rows.flatMap((r) =>
    r.scores
      .filter((s) => s.ours)
      .map((s) => [
        r.name,
        s.name,
        s.milliseconds < 0.1 ? s.milliseconds.toFixed(4) : short(s.milliseconds),
        s.gflopsPerSecond === null ? '–' : short(s.gflopsPerSecond),
        s.gflopsPerSecond === null ? '–' : `${((100 * s.gflopsPerSecond) / r.peak).toFixed(0)} %`,
        ...peers.map((p) =>
          against(
            s,
            r.scores.find((other) => other.name === p),
          ),
        ),
      ]),
  );
  const means = ours.map((name) => {
    const own = rows.flatMap((r) => r.scores.filter((s) => s.name === name).map((s) => ({ r, s })));
    const shares = own.flatMap(({ r, s }) =>
      s.gflopsPerSecond === null ? [] : [s.gflopsPerSecond / r.peak],
    );
    const speeds = own.flatMap(({ s }) => s.gflopsPerSecond ?? []);
    return [
      'geometric mean',
      name,
      '',
      speeds.length ? short(geometricMean(speeds)) : '–',
      shares.length ? `${(100 * geometricMean(shares)).toFixed(0)} %` : '–',
      ...peers.map((p) => {
        const ratios = own.flatMap(({ r, s }) =>
          r.scores.filter((o) => o.name === p).map((o) => ratio(s, o)),
        );
        return ratios.length ? short(geometricMean(ratios)) : '–';
      }),
    ];
  });
  return table(header, rows.length > 1 ? [...lines, ...means] : lines);
}

/** Everything that is missing and why, each sentence once. */
export const reasonsOf = (rows: readonly Row[]): string[] => unique(rows.flatMap((r) => r.reasons));
