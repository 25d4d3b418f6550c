import { html, px, type Markup } from './html.ts';

export interface Series {
  readonly name: string;
  /** Class of the style sheet, which gives the colour. */
  readonly style: 'train' | 'validation';
  /** One value per epoch; undefined where there is none. */
  readonly values: readonly (number | undefined)[];
}

export interface Chart {
  readonly title: string;
  readonly series: readonly Series[];
  /** Axis labels. */
  readonly show: (value: number) => string;
  /** Ends of the axis that the data do not move. */
  readonly min?: number;
  readonly max?: number;
  /** Epochs (from 0) to mark, with what they are. */
  readonly marks: readonly { readonly epoch: number; readonly label: string }[];
}

const [WIDTH, HEIGHT] = [520, 270];
const [LEFT, RIGHT, TOP, BOTTOM] = [48, 84, 14, 34];

/** Round steps of 1, 2 or 5 × 10ⁿ: about `wanted` of them between `low` and `high`. */
export function ticks(low: number, high: number, wanted = 5): number[] {
  const span = high - low || 1;
  const power = 10 ** Math.floor(Math.log10(span / wanted));
  const step = [1, 2, 5, 10].map((f) => f * power).find((s) => span / s <= wanted) ?? power * 10;
  const out: number[] = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++)
    out.push(Number((i * step).toPrecision(12)));
  return out;
}

/** Labels at the ends of lines, moved apart where they would cover each other. */
function spread(ys: readonly number[], gap: number): number[] {
  const order = ys.map((y, i) => ({ y, i })).sort((a, b) => a.y - b.y);
  for (let k = 1; k < order.length; k++) order[k]!.y = Math.max(order[k]!.y, order[k - 1]!.y + gap);
  const out = [...ys];
  for (const { y, i } of order) out[i] = y;
  return out;
}

/** A line chart over epochs as SVG. */
export function lineChart(chart: Chart): Markup {
  const series = chart.series.filter((s) => s.values.some((v) => v !== undefined));
  const epochs = Math.max(...series.map((s) => s.values.length), 1);
  const all = series.flatMap((s) => s.values.filter((v) => v !== undefined));
  // Not as arguments of a call: a long training has more values than that takes.
  const [least, most] = all.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity]);
  const [low, high] = [chart.min ?? least, chart.max ?? most];
  const pad = high > low ? 0 : 0.5;
  const x = (epoch: number): number =>
    LEFT + (epochs === 1 ? 0.5 : epoch / (epochs - 1)) * (WIDTH - LEFT - RIGHT);
  const y = (v: number): number =>
    TOP + (1 - (v - low + pad) / (high - low + 2 * pad)) * (HEIGHT - TOP - BOTTOM);
  const bottom = HEIGHT - BOTTOM;

  const grid = ticks(low - pad, high + pad).map(
    (v) =>
      html`<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${px(y(v))}" y2="${px(y(v))}" />
        <text class="axis" x="${LEFT - 8}" y="${px(y(v) + 4)}" text-anchor="end">${chart.show(v)}</text>`,
  );
  const numbers = ticks(1, epochs, 6)
    .filter((v) => Number.isInteger(v) && v >= 1)
    .map(
      (v) => html`<text class="axis" x="${px(x(v - 1))}" y="${bottom + 16}" text-anchor="middle">${v}</text>`,
    );
  const marks = chart.marks.map(
    (m) =>
      html`<g class="mark"
        ><title>${m.label}</title
        ><line x1="${px(x(m.epoch))}" x2="${px(x(m.epoch))}" y1="${TOP}" y2="${bottom}"
      /></g>`,
  );
  const ends = series.map((s) => y(s.values.findLast((v) => v !== undefined)!));
  const labels = spread(ends, 15);
  const lines = series.map((s, i) => {
    const points = s.values.flatMap((v, e) => (v === undefined ? [] : [{ e, v }]));
    const path = points.map((p, k) => `${k ? 'L' : 'M'}${px(x(p.e))} ${px(y(p.v))}`).join('');
    const dots = points.map(
      (p) =>
        html`<circle cx="${px(x(p.e))}" cy="${px(y(p.v))}" r="${points.length > 60 ? 1.5 : 2.5}"
          ><title>epoch ${p.e + 1}, ${s.name}: ${chart.show(p.v)}</title></circle
        >`,
    );
    return html`<g class="line ${s.style}"
      ><path d="${path}" />${dots}<text x="${WIDTH - RIGHT + 8}" y="${px(labels[i]! + 4)}">${s.name}</text></g
    >`;
  });
  return html`<figure>
    <figcaption>${chart.title}</figcaption>
    <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${chart.title}">
      ${grid}${numbers}
      <text class="axis" x="${px((LEFT + WIDTH - RIGHT) / 2)}" y="${HEIGHT - 6}" text-anchor="middle">
        epoch
      </text>
      ${marks}${lines}
    </svg>
  </figure>`;
}
