import { accuracy, balancedAccuracy, classScores, confusionMatrix, type Evaluation } from '@graftjs/core';

/**
 * How good the answers for one class are: fractions, 0 for one that was never the answer. Without pictures of the class
 * nothing is known of it, and all three are null.
 */
export interface ClassScores {
  readonly class: string;
  /** Pictures of the class. */
  readonly count: number;
  /** Found, of those there are. */
  readonly recall: number | null;
  /** Right, of those called so. */
  readonly precision: number | null;
  readonly f1: number | null;
  /** The class it is most often taken for, if any. */
  readonly takenFor: string | null;
}

export interface Scores {
  readonly count: number;
  readonly correct: number;
  readonly accuracy: number;
  readonly balancedAccuracy: number;
  /** 95 % interval of the accuracy, by Wilson's score. */
  readonly interval: readonly [number, number];
  readonly perClass: readonly ClassScores[];
  /** `confusion[truth][answer]`. */
  readonly confusion: readonly (readonly number[])[];
}

/** Wilson, "Probable inference" (1927), at z = 1.96. */
export function wilson(correct: number, count: number): [number, number] {
  if (count === 0) return [0, 1];
  const z2 = 1.96 ** 2;
  const p = correct / count;
  const centre = (p + z2 / (2 * count)) / (1 + z2 / count);
  const half = (1.96 / (1 + z2 / count)) * Math.sqrt((p * (1 - p)) / count + z2 / (4 * count * count));
  return [Math.max(0, centre - half), Math.min(1, centre + half)];
}

/** All scores of an evaluation, from the labels and the model's answers. */
export function scoresOf(
  classes: readonly string[],
  result: Pick<Evaluation, 'labels' | 'predictions'>,
): Scores {
  const { labels, predictions } = result;
  const n = classes.length;
  const confusion = confusionMatrix(labels, predictions, n);
  const unknown = { recall: null, precision: null, f1: null };
  const perClass = classScores(labels, predictions, n).map(({ support, ...known }, c): ClassScores => {
    const others = confusion[c]!.map((v, i) => (i === c ? 0 : v));
    const most = others.reduce((a, b) => Math.max(a, b), 0);
    return {
      class: classes[c]!,
      count: support,
      ...(support > 0 ? known : unknown),
      takenFor: most > 0 ? classes[others.indexOf(most)]! : null,
    };
  });
  const correct = confusion.reduce((sum, row, c) => sum + row[c]!, 0);
  return {
    count: labels.length,
    correct,
    accuracy: accuracy(labels, predictions),
    balancedAccuracy: balancedAccuracy(labels, predictions, n),
    interval: wilson(correct, labels.length),
    perClass,
    confusion,
  };
}
