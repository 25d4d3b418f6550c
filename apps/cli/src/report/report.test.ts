import { describe, expect, it } from 'vitest';
import { shorten } from '../format.ts';
import { scoresOf, wilson } from '../scores.ts';
import { confusionChart } from './confusion.ts';
import { lineChart, ticks } from './curves.ts';
import { html } from './html.ts';
import { renderReport, type ReportData } from './report.ts';

const classes = ['cats', 'dogs', '<script>alert("x")</script>'];
const scores = scoresOf(classes, {
  labels: Int32Array.from([0, 0, 0, 0, 1, 1, 2]),
  predictions: Int32Array.from([0, 0, 0, 1, 1, 0, 2]),
});
const data: ReportData = {
  model: 'model.safetensors',
  classes,
  trainCounts: [8, 8, 4],
  history: [
    {
      epoch: 0,
      loss: 1.1,
      accuracy: 0.4,
      validationLoss: 1,
      validationAccuracy: 0.5,
      validationBalancedAccuracy: 0.5,
      learningRate: 1,
    },
    {
      epoch: 1,
      loss: 0.7,
      accuracy: 0.8,
      validationLoss: 0.8,
      validationAccuracy: 0.7,
      validationBalancedAccuracy: 0.7,
      learningRate: 0.5,
    },
  ],
  bestEpoch: 1,
  unlockedAt: null,
  scores,
  heldBack: 'validation',
  pictures: [
    {
      file: 'dogs/<1>.png',
      image: 'data:image/jpeg;base64,AAAA',
      truth: 'dogs',
      answer: 'cats',
      answerProbability: 0.9,
      truthProbability: 0.05,
    },
  ],
  skipped: [{ file: 'cats/9.jpg', reason: 'is a text file' }],
  warnings: [],
  lossIncludes: null,
  remarks: [
    { kind: 'passed-over', text: '1 of 9 files passed over', files: ['cats/<b>.heic'] },
    {
      kind: 'same-picture',
      text: 'the same bytes',
      files: ['a', 'b'],
      groups: [['train/1.png', 'val/2.png']],
    },
  ],
  settings: [['seed', '7']],
  command: "graft train 'my photos' --out model.safetensors --seed 7",
  seconds: 75,
  version: '1.2.3',
};

describe('scores', () => {
  it('are the usual ones', () => {
    expect(scores).toMatchObject({
      count: 7,
      correct: 5,
      accuracy: 5 / 7,
      balancedAccuracy: (3 / 4 + 1 / 2 + 1) / 3,
    });
    expect(scores.perClass[0]).toMatchObject({
      count: 4,
      recall: 0.75,
      precision: 0.75,
      f1: 0.75,
      takenFor: 'dogs',
    });
    expect(scores.perClass[2]!.takenFor).toBeNull();
    expect(scores.confusion).toEqual([
      [3, 1, 0],
      [1, 1, 0],
      [0, 0, 1],
    ]);
  });

  it('have an interval', () => {
    // Wilson's interval of 5 out of 10, from Newcombe (1998), "Two-sided confidence intervals"
    const [low, high] = wilson(5, 10);
    expect([low.toFixed(4), high.toFixed(4)]).toEqual(['0.2366', '0.7634']);
    expect(wilson(0, 0)).toEqual([0, 1]);
    expect(wilson(10, 10)[1]).toBeCloseTo(1);
  });
});

describe('charts', () => {
  it('have round ticks', () => {
    expect(ticks(0, 1)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
    expect(ticks(0, 1.23)).toEqual([0, 0.5, 1]);
    expect(ticks(1, 40, 6)).toEqual([10, 20, 30, 40]);
    expect(ticks(3, 3).length).toBeGreaterThan(0);
  });

  it('draw one epoch, and thousands', () => {
    for (const n of [1, 2, 3000]) {
      const chart = lineChart({
        title: 't',
        series: [{ name: 'a', style: 'train', values: Array.from({ length: n }, () => 0.5) }],
        show: String,
        marks: [],
      });
      expect(chart.text).not.toMatch(/NaN|Infinity|undefined/);
    }
  });

  it('draw any number of classes', () => {
    for (const n of [1, 2, 9, 60, 69, 200]) {
      const names = Array.from({ length: n }, (_, i) => `class ${i}`);
      const matrix = names.map((_, i) => names.map((__, j) => (i === j ? 3 : 0)));
      expect(confusionChart(names, matrix).text).not.toMatch(/NaN|Infinity|undefined/);
    }
  });
});

describe('a thousand classes', () => {
  const many = Array.from({ length: 1000 }, (_, i) => `class ${i}`);
  // Two pictures a class; every tenth picture of an odd class is taken for the next one.
  const labels = Int32Array.from({ length: 2000 }, (_, i) => i >> 1);
  const predictions = labels.map((c, i) => (i % 20 === 3 ? (c + 1) % 1000 : c));
  const page = renderReport({
    ...data,
    classes: many,
    trainCounts: many.map(() => 8),
    scores: scoresOf(many, { labels, predictions }),
  });

  it('cost as much as their pictures, not as their square', () => {
    // 1,100 cells that are not zero and 1,000 rows of the table, of less than 600 characters each
    expect(page.length).toBeLessThan(2100 * 600);
    expect(page.match(/<g\s*><title>/g)).toHaveLength(1100);
  });

  it('have a table of the commonest mistakes instead of names at the matrix', () => {
    expect(page).toContain('The commonest mix-ups (30 of 100)');
    expect(page).toContain('class 1</bdi></td>');
    expect(page).toContain('<bdi>class 11</bdi> and 988 more');
  });
});

describe('names', () => {
  it('from right to left, and very long ones, stay in their places', () => {
    const arabic = '\u0642\u0637\u0637';
    const long = 'x'.repeat(300);
    const named = renderReport({
      ...data,
      classes: [arabic, long, 'c'],
      scores: scoresOf([arabic, long, 'c'], {
        labels: Int32Array.of(0, 1, 2),
        predictions: Int32Array.of(1, 1, 2),
      }),
    });
    expect(named).toContain(`<bdi>${arabic}</bdi>`);
    expect(named).not.toMatch(new RegExp(`<text[^>]*>\\s*${long}`));
  });

  it('are cut between characters as people see them', () => {
    expect(shorten('e\u0301'.repeat(5), 3)).toBe('e\u0301e\u0301…');
    expect(shorten('\u732b\u732b\u732b', 4)).toBe('\u732b…');
    expect(shorten('abcd', 4)).toBe('abcd');
  });
});

describe('the report', () => {
  const page = renderReport(data);

  it('shows its bars in print and in forced colours: they are drawn, not backgrounds', () => {
    expect(page).not.toMatch(/class="bar"[^>]*>\s*<i/);
    expect(page).toMatch(/<svg class="bar"[^>]*>.*?<rect class="right" width="67.5"/s);
    expect(page).toContain('forced-color-adjust: none');
  });

  it('says which Graft made it', () => {
    expect(page).toContain('Graft 1.2.3');
  });

  it('escapes everything', () => {
    const inner = html`<b>x</b>`;
    const text = html`<p title="${'"&<'}">${["'", inner]}${null}</p>`.text;
    expect(text).toBe('<p title="&quot;&amp;&lt;">&#39;<b>x</b></p>');
    expect(page).not.toContain('<script');
    expect(page).toContain('dogs/&lt;1&gt;.png');
  });

  it('needs nothing from elsewhere', () => {
    expect(page).not.toMatch(/<(script|link|iframe|object)|@import|url\(|src="(?!data:)|https?:/);
  });

  it('has all its parts, and is well-formed', () => {
    for (const part of [
      'Learning curves',
      'What is taken for what',
      'Class by class',
      'The worst mistakes',
      'Pictures left out',
      'Settings',
      'To repeat it',
      'prefers-color-scheme: dark',
      '71.4\u00a0%',
      '1 min 15 s',
    ]) {
      expect(page).toContain(part);
    }
    const open: string[] = [];
    for (const [, slash, name, rest] of page
      .replace(/<style>.*?<\/style>/s, '')
      .matchAll(/<(\/?)([a-z]+)((?:[^>"]|"[^"]*")*)>/g)) {
      if (['meta', 'img', 'br'].includes(name!) || rest!.endsWith('/')) continue;
      if (slash) expect(open.pop()).toBe(name);
      else open.push(name!);
    }
    expect(open).toEqual([]);
  });

  it('praises a model without mistakes', () => {
    const good = scoresOf(['a', 'b'], {
      labels: Int32Array.from([0, 1]),
      predictions: Int32Array.from([0, 1]),
    });
    const perfect = renderReport({ ...data, classes: ['a', 'b'], trainCounts: [1, 1], scores: good });
    expect(perfect).toContain('The least sure answers');
  });
});
