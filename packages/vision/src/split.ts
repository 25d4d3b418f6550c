import { Random } from '@graftjs/core';
import { DatasetError } from './errors.ts';

/** Shares of each class, between 0 and 1, that are held out; the rest is for training. */
export interface SplitFractions {
  readonly validation?: number;
  readonly test?: number;
}

/** Numbers of the samples in each part, ascending. */
export interface Split {
  readonly train: number[];
  readonly validation: number[];
  readonly test: number[];
}

/** Orders by UTF-16 code units: the same on every platform and in every language setting. */
export function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function fraction(name: string, value: number | undefined): number {
  const share = value ?? 0;
  if (!(share >= 0 && share < 1)) {
    throw new DatasetError(`the ${name} share must be at least 0 and below 1; got ${share}`);
  }
  return share;
}

/** How many of `n` are held out: the nearest whole number, but at least 1 where `share` > 0 and `room` allows it. */
function held(n: number, share: number, room: number): number {
  if (share === 0) return 0;
  return Math.min(room, Math.max(1, Math.floor(n * share + 0.5)));
}

/**
 * Parts the samples class by class, so that every part has each class in about the same share. Every class keeps at least
 * one sample for training and, if it has two, gives one to validation; if it has three, one to test. Depends on the seed,
 * the class's name and the names of its samples, not on their order; another class's samples change nothing.
 *
 * @param labels class of each sample: numbers, or names
 * @param names a name for each sample, by which those of a class are sorted first. Default: they are taken in order
 * @throws DatasetError if a share is out of range, or both together leave nothing to train on
 */
export function stratifiedSplit(
  labels: ArrayLike<number> | readonly string[],
  fractions: SplitFractions,
  seed = 0,
  names?: readonly string[],
): Split {
  const validation = fraction('validation', fractions.validation);
  const test = fraction('test', fractions.test);
  if (validation + test >= 1) {
    throw new DatasetError(
      `validation (${validation}) and test (${test}) leave nothing to train on; together they must be below 1`,
    );
  }
  const groups = new Map<string, number[]>();
  for (let i = 0; i < labels.length; i++) {
    const label = String(labels[i]);
    const group = groups.get(label);
    if (group) group.push(i);
    else groups.set(label, [i]);
  }
  const split: Split = { train: [], validation: [], test: [] };
  for (const [label, members] of groups) {
    if (names) members.sort((a, b) => byCodeUnit(names[a]!, names[b]!));
    const n = members.length;
    const order = new Random(seed, `split/${label}`).permutation(n);
    const forValidation = held(n, validation, n - 1);
    const forTest = held(n, test, n - 1 - forValidation);
    for (let i = 0; i < n; i++) {
      const part =
        i < forValidation ? split.validation : i < forValidation + forTest ? split.test : split.train;
      part.push(members[order[i]!]!);
    }
  }
  for (const part of [split.train, split.validation, split.test]) part.sort((a, b) => a - b);
  return split;
}
