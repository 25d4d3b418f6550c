import type { EpochRecord } from '@graftjs/core';
import type { Remark } from '@graftjs/vision/node';
import { count, duration, percent as spaced, plural } from '../format.ts';
import type { Scores } from '../scores.ts';
import { confusionChart } from './confusion.ts';
import { lineChart } from './curves.ts';
import { html, Markup, px } from './html.ts';
import { STYLE } from './style.ts';

/** A picture that the report shows, with what the model said about it. */
export interface ShownPicture {
  readonly file: string;
  /** As a data URI; null where it could not be read again. */
  readonly image: string | null;
  readonly truth: string;
  readonly answer: string;
  /** What the model gave its answer, and the truth. */
  readonly answerProbability: number;
  readonly truthProbability: number;
}

export interface ReportData {
  readonly model: string;
  readonly classes: readonly string[];
  readonly trainCounts: readonly number[];
  readonly history: readonly EpochRecord[];
  readonly bestEpoch: number | null;
  /** The epoch at whose start the base was unlocked. */
  readonly unlockedAt: number | null;
  /** On the pictures held back; null if none were. */
  readonly scores: Scores | null;
  /** What those pictures are called: 'validation' or 'test'. */
  readonly heldBack: string;
  readonly pictures: readonly ShownPicture[];
  readonly skipped: readonly { readonly file: string; readonly reason: string }[];
  readonly remarks: readonly Remark[];
  readonly warnings: readonly string[];
  /** What the training loss has in it and the validation loss has not; null for nothing. */
  readonly lossIncludes: string | null;
  readonly settings: readonly (readonly [string, string])[];
  readonly command: string;
  readonly seconds: number;
  /** Of Graft. */
  readonly version: string;
}

/** The sign stays with its number. */
const percent = (fraction: number | null): string => spaced(fraction).replace(' ', '\u00a0');

const tile = (value: string, label: string): Markup =>
  html`<div class="tile"><b>${value}</b><span>${label}</span></div>`;

/** The first dozen; each on its own, or a name from right to left would take its neighbours with it. */
function names(classes: readonly string[]): Markup {
  const shown = classes.slice(0, 12).map((c, i) => html`${i ? ', ' : ''}<bdi>${c}</bdi>`);
  return html`${shown}${classes.length > 12 ? ` and ${count(classes.length - 12)} more` : ''}`;
}

function tiles(d: ReportData): Markup {
  const trained = d.trainCounts.reduce((a, b) => a + b, 0);
  const s = d.scores;
  return html`<div class="tiles">
    ${
      s && [
        tile(
          percent(s.balancedAccuracy),
          `balanced accuracy: the mean over the classes (guessing: ${percent(1 / d.classes.length)})`,
        ),
        tile(
          percent(s.accuracy),
          `of ${plural(s.count, `${d.heldBack} picture`)} right (95 % interval ${percent(s.interval[0])} to ${percent(s.interval[1])})`,
        ),
      ]
    }
    ${tile(count(d.classes.length), `classes, ${plural(trained, 'training picture')}`)}
    ${tile(duration(d.seconds), `for ${plural(d.history.length, 'epoch')}`)}
  </div>`;
}

function curves(d: ReportData): Markup {
  const of = (key: keyof EpochRecord): (number | undefined)[] => d.history.map((r) => r[key]);
  const marks = [
    ...(d.bestEpoch === null
      ? []
      : [{ epoch: d.bestEpoch, label: `epoch ${d.bestEpoch + 1}: the best, and what the file holds` }]),
    ...(d.unlockedAt === null
      ? []
      : [{ epoch: d.unlockedAt, label: `epoch ${d.unlockedAt + 1}: the base is unlocked` }]),
  ];
  const names = { train: 'training', validation: 'validation' } as const;
  const series = (
    train: keyof EpochRecord,
    validation: keyof EpochRecord,
  ): Parameters<typeof lineChart>[0]['series'] => [
    { name: names.train, style: 'train', values: of(train) },
    { name: names.validation, style: 'validation', values: of(validation) },
  ];
  const remarks = marks.map((m) => m.label);
  return html`<h2>Learning curves</h2>
    <div class="charts">
      ${lineChart({ title: 'Loss (cross-entropy)', series: series('loss', 'validationLoss'), show: (v) => String(v < 10 ? Number(v.toFixed(3)) : Math.round(v)), min: 0, marks })}
      ${lineChart({ title: 'Accuracy', series: series('accuracy', 'validationAccuracy'), show: (v) => `${Math.round(v * 1000) / 10} %`, min: 0, max: 1, marks })}
    </div>
    <p class="soft">
      ${remarks.length ? `Dashed: ${remarks.join('; ')}. ` : ''}The training line is measured while training,
      with dropout and any
      augmentation.${d.lossIncludes === null ? '' : ` Its loss includes ${d.lossIncludes}; the validation loss does not, and may lie below it.`}
    </p>`;
}

function classTable(s: Scores, d: ReportData): Markup {
  // A picture and no background: backgrounds are left out in print and in forced colours.
  const bar = (v: number): Markup =>
    html`<svg class="bar" viewBox="0 0 90 9" aria-hidden="true">
      <rect width="90" height="9" rx="3" />
      <rect class="right" width="${px(v * 90)}" height="9" rx="3" />
    </svg>`;
  const rows = s.perClass.map(
    (c, i) =>
      html`<tr>
        <td><bdi>${c.class}</bdi></td>
        <td class="n">${d.trainCounts[i] ?? 0}</td>
        <td class="n">${c.count}</td>
        <td>${c.recall === null ? percent(null) : [percent(c.recall), bar(c.recall)]}</td>
        <td class="n">${percent(c.precision)}</td>
        <td class="n">${percent(c.f1)}</td>
        <td><bdi>${c.takenFor ?? ''}</bdi></td>
      </tr>`,
  );
  return html`<h2>Class by class</h2>
    <div class="wide">
      <table>
        <tr>
          <th>class</th>
          <th class="n">training</th>
          <th class="n">${d.heldBack}</th>
          <th>recall: found of those there are</th>
          <th class="n">precision</th>
          <th class="n">F1</th>
          <th>most often taken for</th>
        </tr>
        ${rows}
      </table>
    </div>`;
}

function pictures(s: Scores, d: ReportData): Markup {
  const wrong = s.count - s.correct;
  const figure = (p: ShownPicture): Markup =>
    html`<figure class="${p.truth === p.answer ? 'sure' : 'mistake'}">
      ${p.image === null ? html`<div class="none">no picture</div>` : html`<img src="${p.image}" alt="${p.file}" loading="lazy" />`}
      <figcaption>
        said <b><bdi>${p.answer}</bdi></b> ${percent(p.answerProbability)}<br />is
        <bdi>${p.truth}</bdi> ${percent(p.truthProbability)}<br /><bdi>${p.file}</bdi>
      </figcaption>
    </figure>`;
  const intro =
    wrong > 0
      ? html`<h2>The worst mistakes</h2>
          <p class="soft">
            ${d.pictures.length} of ${plural(wrong, 'mistake')}, the surest first. A wrong label, a picture
            that shows two things, or a class that is missing often shows up here.
          </p>`
      : html`<h2>The least sure answers</h2>
          <p class="soft">No mistakes; these were the closest calls.</p>`;
  return html`${intro}
    <div class="pictures">${d.pictures.map(figure)}</div>`;
}

/** How the folder was understood, what was passed over, what is there twice. */
function remarks(d: ReportData): Markup | null {
  if (d.remarks.length === 0) return null;
  const items = d.remarks.map(({ text, files, groups }) => {
    const names = groups?.map((group) => group.join(' = ')) ?? files;
    return html`<p>${text}</p>
      ${
        names.length
          ? html`<details>
              <summary>${plural(names.length, 'name')}</summary>
              <ul>
                ${names.map((name) => html`<li><bdi>${name}</bdi></li>`)}
              </ul>
            </details>`
          : null
      }`;
  });
  return html`<h2>The folder</h2>
    ${items}`;
}

/** The report: one HTML file that needs nothing else. */
export function renderReport(d: ReportData): string {
  const s = d.scores;
  const skipped = d.skipped.map(
    (f) =>
      html`<tr>
        <td><bdi>${f.file}</bdi></td>
        <td>${f.reason}</td>
      </tr>`,
  );
  const settings = d.settings.map(
    ([k, v]) =>
      html`<tr>
        <td class="soft">${k}</td>
        <td>${v}</td>
      </tr>`,
  );
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${d.model} · Graft report</title>
        <style>
          ${new Markup(STYLE)}
        </style>
      </head>
      <body>
        <h1><bdi>${d.model}</bdi></h1>
        <p class="soft">An image classifier trained with Graft ${d.version}: ${names(d.classes)}.</p>
        ${tiles(d)} ${d.warnings.map((text) => html`<p><b>Warning:</b> ${text}.</p>`)} ${curves(d)}
        ${
          s
            ? html`<h2>What is taken for what</h2>
                ${confusionChart(d.classes, s.confusion)}${classTable(s, d)}${pictures(s, d)}`
            : html`<p>
                No pictures were held back, so there is nothing to measure the model with. Try it on others:
                graft evaluate.
              </p>`
        }
        ${
          skipped.length
            ? html`<h2>Pictures left out</h2>
                <div class="wide">
                  <table>
                    ${skipped}
                  </table>
                </div>`
            : null
        }
        ${remarks(d)}
        <h2>Settings</h2>
        <div class="wide">
          <table>
            ${settings}
          </table>
        </div>
        <h2>To repeat it</h2>
        <pre>${d.command}</pre>
        <footer>The same command on the same pictures gives the same file, bit for bit.</footer>
      </body>
    </html> `;
  return page.text;
}
