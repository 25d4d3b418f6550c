import { count, percent, shorten } from '../format.ts';
import { widthOf } from '../table.ts';
import { html, px, type Markup } from './html.ts';

/** Wrong answers listed below a matrix that is too large for names. */
const LISTED = 30;

/** How the matrix is laid out: sides in pixels. */
interface Layout {
  readonly cell: number;
  readonly left: number;
  readonly top: number;
}

function cellMarkup(
  classes: readonly string[],
  { cell, left, top }: Layout,
  [t, p, v, total]: readonly [number, number, number, number],
): Markup {
  const share = v / total;
  const at = { x: left + p * cell, y: top + t * cell };
  const tip =
    t === p
      ? `${classes[t]}: ${v} of ${total} right (${percent(share)})`
      : `${v} of ${total} ${classes[t]} taken for ${classes[p]} (${percent(share)})`;
  const number =
    cell >= 20
      ? html`<text
          class="${share > 0.55 ? 'strong' : 'weak'}"
          x="${px(at.x + cell / 2)}"
          y="${px(at.y + cell / 2 + 4)}"
          text-anchor="middle"
          >${v}</text
        >`
      : null;
  // At least a pixel and a half, or a thousand classes have nothing to see.
  const side = px(Math.max(cell - 1, 1.5));
  return html`<g
    ><title>${tip}</title
    ><rect
      class="${t === p ? 'right' : 'wrong'}"
      x="${px(at.x)}"
      y="${px(at.y)}"
      width="${side}"
      height="${side}"
      style="--share:${px(share)}"
    />${number}</g
  >`;
}

/** The cells that are not zero, as `[truth, answer, count, of the row]`: at most one a picture, however many classes. */
function filled(matrix: readonly (readonly number[])[]): [number, number, number, number][] {
  return matrix.flatMap((row, t) => {
    const total = row.reduce((a, b) => a + b, 0);
    return row.flatMap((v, p): [number, number, number, number][] => (v > 0 ? [[t, p, v, total]] : []));
  });
}

/** The commonest mistakes as a table, for a matrix that has no room for names. */
function commonest(classes: readonly string[], cells: readonly (readonly number[])[]): Markup | null {
  const wrong = cells.filter(([t, p]) => t !== p).sort((a, b) => b[2]! - a[2]!);
  if (wrong.length === 0) return null;
  const rows = wrong.slice(0, LISTED).map(
    ([t, p, v, total]) =>
      html`<tr>
        <td><bdi>${classes[t!]}</bdi></td>
        <td><bdi>${classes[p!]}</bdi></td>
        <td class="n">${v} of ${total}</td>
      </tr>`,
  );
  return html`<h3>
      The commonest mix-ups${wrong.length > LISTED ? ` (${LISTED} of ${count(wrong.length)})` : ''}
    </h3>
    <div class="wide">
      <table>
        <tr>
          <th>what it is</th>
          <th>what the model said</th>
          <th class="n">pictures</th>
        </tr>
        ${rows}
      </table>
    </div>`;
}

/**
 * The confusion matrix as SVG: a row per true class, a column per answer. The stronger the colour, the larger the share
 * of its row; right answers and mistakes have different colours. Cells without a picture stay empty. Where there is no
 * room for the classes' names, a table of the commonest mistakes follows.
 * @param matrix `matrix[truth][answer]` counts
 */
export function confusionChart(classes: readonly string[], matrix: readonly (readonly number[])[]): Markup {
  const n = classes.length;
  const cell = Math.min(46, n > 68 ? 620 / n : Math.floor(620 / n));
  const names = cell >= 11;
  const label = Math.min(
    20,
    classes.reduce((most, c) => Math.max(most, widthOf(c)), 0),
  );
  const [left, top] = names ? [label * 7 + 30, label * 5 + 34] : [30, 30];
  const size = cell * n;
  const cells = filled(matrix);
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
        viewBox="0 0 ${px(width)} ${px(height)}"
        style="max-width:${px(width)}px"
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
        <rect
          class="frame"
          x="${px(left - 1)}"
          y="${px(top - 1)}"
          width="${px(size + 1)}"
          height="${px(size + 1)}"
        />
        ${names ? [rowNames, columnNames].flat() : null}${cells.map((c) => cellMarkup(classes, { cell, left, top }, c))}
      </svg>
    </figure>
    ${names ? null : commonest(classes, cells)}`;
}
