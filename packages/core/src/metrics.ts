import { GraftError } from './errors.ts';

/** Class numbers, one per sample. */
export type Labels = ArrayLike<number>;

function sameLength(labels: Labels, predictions: Labels): void {
  if (labels.length !== predictions.length) {
    throw new GraftError(`${labels.length} labels for ${predictions.length} predictions`);
  }
}

function rows(labels: Labels, scores: ArrayLike<number>): number {
  const classes = scores.length / labels.length;
  if (labels.length && !Number.isInteger(classes)) {
    throw new GraftError(`${scores.length} scores are not one per class for ${labels.length} samples`);
  }
  return classes;
}

/**
 * The class with the highest score of each sample, the first of equal ones.
 * @param scores `[samples, classes]`, row-major.
 * @throws GraftError where they do not make rows of `classes`.
 * @example
 * predictedClasses([0.1, 0.9, 0.8, 0.2], 2); // → [1, 0]
 */
export function predictedClasses(scores: ArrayLike<number>, classes: number): Int32Array {
  if (!(classes >= 1) || scores.length % classes !== 0) {
    throw new GraftError(`${scores.length} scores do not make rows of ${classes} classes`);
  }
  const out = new Int32Array(scores.length / classes);
  for (let i = 0; i < out.length; i++) {
    let best = 0;
    for (let c = 1; c < classes; c++) if (scores[i * classes + c]! > scores[i * classes + best]!) best = c;
    out[i] = best;
  }
  return out;
}

/**
 * Share of predictions that are right; 0 without samples.
 * @throws GraftError where there are not as many predictions as labels.
 * @example
 * accuracy([0, 1, 1, 0], [0, 1, 0, 0]); // → 0.75
 */
export function accuracy(labels: Labels, predictions: Labels): number {
  sameLength(labels, predictions);
  let right = 0;
  for (let i = 0; i < labels.length; i++) if (labels[i] === predictions[i]) right++;
  return labels.length ? right / labels.length : 0;
}

/**
 * The class that most samples have (the first of equal ones), and their share: the accuracy of always answering it.
 * @example
 * majorityClass([0, 1, 1, 1], 2); // → { index: 1, share: 0.75 }
 */
export function majorityClass(labels: Labels, classes: number): { index: number; share: number } {
  const counts = new Array<number>(classes).fill(0);
  for (let i = 0; i < labels.length; i++) counts[labels[i]!]!++;
  const most = counts.reduce((a, n) => Math.max(a, n), 0);
  return { index: counts.indexOf(most), share: labels.length ? most / labels.length : 0 };
}

/**
 * Share of samples whose class is among the k highest scores; of equal scores the lower class comes first.
 * @param scores `[samples, classes]`, row-major.
 * @throws GraftError where there is not one score per class for each sample.
 * @example
 * topKAccuracy([2, 0], [0.1, 0.6, 0.3, 0.2, 0.5, 0.3], 2); // → 0.5
 */
export function topKAccuracy(labels: Labels, scores: ArrayLike<number>, k: number): number {
  const classes = rows(labels, scores);
  let right = 0;
  for (let i = 0; i < labels.length; i++) {
    const own = labels[i]!;
    const score = scores[i * classes + own]!;
    let ahead = 0;
    for (let c = 0; c < classes; c++) {
      const other = scores[i * classes + c]!;
      if (other > score || (other === score && c < own)) ahead++;
    }
    if (ahead < k) right++;
  }
  return labels.length ? right / labels.length : 0;
}

/**
 * `matrix[label][prediction]` counts samples.
 * @throws GraftError on a label or prediction that is no class, and where there are not as many of both.
 * @example
 * confusionMatrix([0, 0, 1], [0, 1, 1], 2); // → [[1, 1], [0, 1]]
 */
export function confusionMatrix(labels: Labels, predictions: Labels, classes: number): number[][] {
  sameLength(labels, predictions);
  const matrix = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (let i = 0; i < labels.length; i++) {
    const row = matrix[labels[i]!];
    const column = predictions[i]!;
    if (!row || !(column in row)) {
      throw new GraftError(
        `sample ${i}: label ${labels[i]} or prediction ${column} is not one of ${classes} classes`,
      );
    }
    row[column]!++;
  }
  return matrix;
}

/** How well one class is told from the others. */
export interface ClassScores {
  /** Share of the samples given to this class that belong to it; 0 if none was given to it. */
  readonly precision: number;
  /** Share of the samples of this class that were found; 0 if there is none. */
  readonly recall: number;
  /** Harmonic mean of the two; 0 if both are 0. */
  readonly f1: number;
  /** Number of samples of this class. */
  readonly support: number;
}

const ratio = (a: number, b: number): number => (b === 0 ? 0 : a / b);

/**
 * Precision, recall and F1 of every class.
 * @throws GraftError as `confusionMatrix`.
 * @example
 * classScores([0, 0, 1], [0, 1, 1], 2)[0]!; // → { precision: 1, recall: 0.5, f1: 0.667, support: 2 }
 */
export function classScores(labels: Labels, predictions: Labels, classes: number): ClassScores[] {
  const matrix = confusionMatrix(labels, predictions, classes);
  return matrix.map((row, c) => {
    const right = row[c]!;
    const support = row.reduce((a, b) => a + b, 0);
    const given = matrix.reduce((a, r) => a + r[c]!, 0);
    return {
      precision: ratio(right, given),
      recall: ratio(right, support),
      f1: ratio(2 * right, given + support),
      support,
    };
  });
}

/**
 * Mean recall over the classes that occur among the labels: every class counts the same, however many samples it has.
 * @throws GraftError as `confusionMatrix`.
 * @example
 * balancedAccuracy([0, 0, 0, 1], [0, 0, 0, 0], 2); // → 0.5
 */
export function balancedAccuracy(labels: Labels, predictions: Labels, classes: number): number {
  const occurring = classScores(labels, predictions, classes).filter((s) => s.support > 0);
  return occurring.length ? occurring.reduce((a, s) => a + s.recall, 0) / occurring.length : 0;
}
