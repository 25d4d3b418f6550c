/** One line of the history. Losses are means over samples, accuracies fractions. */
export interface EpochRecord {
  readonly epoch: number;
  /** What was trained: with label smoothing, class weights, dropout and mixup, where there are any. */
  readonly loss: number;
  /** While training, with dropout. */
  readonly accuracy: number;
  /** Cross-entropy without smoothing or weights, so it may lie below `loss`. */
  readonly validationLoss?: number;
  readonly validationAccuracy?: number;
  readonly validationBalancedAccuracy?: number;
  readonly learningRate: number;
}

export interface History {
  readonly epochs: readonly EpochRecord[];
  /** The epoch whose weights the model has now, if `keepBest`. */
  readonly bestEpoch: number | null;
  readonly stopped: 'finished' | 'early' | 'aborted';
  /** What a user should know: an accuracy below that of always answering the largest class. */
  readonly warnings: readonly string[];
}
