import { percent } from '../format.ts';
import { widthOf } from '../table.ts';
import { html, px, type Markup } from './html.ts';

function shorten(text: string, limit: number): string {
  return widthOf(text) <= limit ? text : `${[...text].slice(0, limit - 1).join('')}…`;
}

/**
 * The confusion matrix as SVG: a row per true class, a column per answer. The stronger the colour, the larger the share
 * of its row; right answers and mistakes have different colours.
 * @param matrix `matrix[truth][answer]` counts
 */
export function confusionChart(classes: readonly string[], matrix: readonly (readonly number[])[]): Markup {
  const n = classes.length;
  const cell = Math.max(9, Math.min(46, Math.floor(620 / n)));
  const names = cell >= 11;
  const label = Math.min(20, Math.max(...classes.map(widthOf)));
  const [left, top] = names ? [label * 7 + 30, label * 5 + 34] : [30, 30];
  const size = cell * n;
  const rows = matrix.map((row, t) => {
    const total = row.reduce((a, b) => a + b, 0);
    const cells = row.map((v, p) => {
      const share = total ? v / total : 0;
      const at = { x: left + p * cell, y: top + t * cell };
      const tip =
        t === p
          ? `${classes[t]}: ${v} of ${total} right (${percent(share)})`
          : `${v} of ${total} ${classes[t]} taken for ${classes[p]} (${percent(share)})`;
      const number =
        v > 0 && cell >= 20
          ? html`<text
              class="${share > 0.55 ? 'strong' : 'weak'}"
              x="${px(at.x + cell / 2)}"
              y="${px(at.y + cell / 2 + 4)}"
              text-anchor="middle"
              >${v}</text
            >`
          : null;
      return html`<g
        ><title>${tip}</title
        ><rect
          class="${t === p ? 'right' : 'wrong'}"
          x="${at.x}"
          y="${at.y}"
          width="${cell - 1}"
          height="${cell - 1}"
          style="--share:${px(share)}"
        />${number}</g
      >`;
    });
    return html`${cells}`;
  });
  const rowNames = classes.map(
    (c, t) =>
      html`<text class="axis" x="${left - 8}" y="${px(top + (t + 0.5) * cell + 4)}" text-anchor="end"
        >${shorten(c, 20)}</text
      >`,
  );
  const columnNames = classes.map((c, p) => {
    const [x, y] = [px(left + (p + 0.5) * cell), top - 8];
    return html`<text class="axis" x="${x}" y="${y}" transform="rotate(-45 ${x} ${y})"
      >${shorten(c, 20)}</text
    >`;
  });
  const [width, height] = [left + size + (names ? label * 5 + 20 : 10), top + size + 10];
  return html`<figure class="confusion">
    <svg
      viewBox="0 0 ${width} ${height}"
      style="max-width:${width}px"
      role="img"
      aria-label="confusion matrix"
    >
      <text class="axis title" x="${left}" y="12">columns: what the model said</text>
      <text
        class="axis title"
        x="12"
        y="${px(top + size / 2)}"
        transform="rotate(-90 12 ${px(top + size / 2)})"
        text-anchor="middle"
      >
        rows: what it is
      </text>
      ${names ? [rowNames, columnNames].flat() : null}${rows}
    </svg>
  </figure>`;
}
