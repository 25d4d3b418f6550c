import { describe, expect, test } from 'vitest';
import {
  accuracy,
  balancedAccuracy,
  classScores,
  confusionMatrix,
  majorityClass,
  predictedClasses,
  topKAccuracy,
} from './metrics.ts';

const labels = [0, 0, 0, 1, 1, 2];
const predictions = [0, 0, 1, 1, 1, 1];

describe('metrics', () => {
  test('accuracy counts what is right', () => {
    expect(accuracy(labels, predictions)).toBeCloseTo(4 / 6, 15);
    expect(accuracy([], [])).toBe(0);
    expect(() => accuracy([1], [])).toThrow('1 labels for 0 predictions');
  });

  test('the largest class is the first of equal ones', () => {
    expect(majorityClass([2, 1, 2, 1, 0], 3)).toEqual({ index: 1, share: 0.4 });
    expect(majorityClass([], 3)).toEqual({ index: 0, share: 0 });
  });

  test('the confusion matrix has labels in rows, predictions in columns', () => {
    expect(confusionMatrix(labels, predictions, 3)).toEqual([
      [2, 1, 0],
      [0, 2, 0],
      [0, 1, 0],
    ]);
    expect(() => confusionMatrix([0], [3], 3)).toThrow(/sample 0: label 0 or prediction 3/);
  });

  test('precision, recall and F1, with 0 where nothing can be divided', () => {
    const scores = classScores(labels, predictions, 4);
    expect(scores[0]).toEqual({ precision: 1, recall: 2 / 3, f1: 0.8, support: 3 });
    expect(scores[1]).toEqual({ precision: 0.5, recall: 1, f1: 4 / 6, support: 2 });
    expect(scores[2]).toEqual({ precision: 0, recall: 0, f1: 0, support: 1 });
    expect(scores[3]).toEqual({ precision: 0, recall: 0, f1: 0, support: 0 });
  });

  test('balanced accuracy is the mean recall of the classes that occur', () => {
    expect(balancedAccuracy(labels, predictions, 4)).toBeCloseTo((2 / 3 + 1 + 0) / 3, 15);
    expect(balancedAccuracy([0, 0, 0, 1], [0, 0, 0, 0], 2)).toBe(0.5);
  });

  test('top k takes the lower class first where scores are equal', () => {
    const scores = [0.1, 0.5, 0.4, 0.3, 0.3, 0.4];
    expect(predictedClasses(scores, 3)).toEqual(Int32Array.of(1, 2));
    expect(predictedClasses([1, 1], 2)).toEqual(Int32Array.of(0));
    expect(topKAccuracy([2, 0], scores, 1)).toBe(0);
    expect(topKAccuracy([2, 0], scores, 2)).toBe(1);
    expect(topKAccuracy([2, 1], scores, 2)).toBe(0.5);
    expect(() => topKAccuracy([0, 1], [1, 2, 3], 1)).toThrow(/3 scores are not one per class for 2 samples/);
  });
});
