import type { DataSource } from '../data.ts';
import type { Module, NamePattern, StageRange } from '../nn/module.ts';
import type { Optimizer } from '../optim/optimizer.ts';
import type { Tensor } from '../tensor.ts';
import type { AbortSignalLike } from './abort.ts';
import type { CheckpointStore } from './checkpoint.ts';
import type { FeatureCache } from './feature-cache.ts';
import type { EpochRecord } from './history.ts';

export interface FitData {
  readonly train: DataSource;
  readonly validation?: DataSource;
}

export interface Progress {
  readonly phase: 'features' | 'train' | 'validation';
  readonly epoch: number;
  readonly epochs: number;
  /** Samples, within the phase. */
  readonly done: number;
  readonly total: number;
  readonly loss?: number;
  readonly accuracy?: number;
}

export interface Callbacks {
  readonly onEpoch?: (record: EpochRecord, model: Module) => void | Promise<void>;
  readonly onStep?: (step: number, loss: number) => void;
  readonly onProgress?: (progress: Progress) => void;
}

export type Monitor = 'validationLoss' | 'validationAccuracy' | 'validationBalancedAccuracy' | 'loss';

export interface FitOptions extends Callbacks {
  readonly epochs: number;
  readonly optimizer: Optimizer;
  /** Default 32. */
  readonly batchSize?: number;
  /** `(logits, target) → scalar`; default cross-entropy with the two options below. */
  readonly loss?: (logits: Tensor, target: Tensor) => Tensor;
  /** Part of the target that is spread over all classes: see `crossEntropy`. Default 0. */
  readonly labelSmoothing?: number;
  /**
   * `'balanced'`: inversely to how often a class occurs. A sample's whole loss, smoothed or not, is multiplied by the weight
   * of its class (`weighting: 'sample'` of `crossEntropy`).
   */
  readonly classWeights?: 'balanced' | readonly number[];
  /** Shuffles, dropout and mixup depend on this alone. Default 0. */
  readonly seed?: number;
  /** Factor on the learning rate at a step of `total`; see `optim/schedules`. */
  readonly schedule?: (step: number, total: number) => number;
  /** Largest 2-norm of all gradients together. */
  readonly clipNorm?: number;
  /** Augmented views of each picture: 0 none; n repeats views 1 … n (kept in the cache); 'fresh' a new one every epoch. */
  readonly views?: number | 'fresh';
  /** Mixup's α (Zhang et al., 2018); needs no locked prefix cut before it: features are mixed where they are. 0 is off. */
  readonly mixup?: number;
  /** Keeps the outputs of the locked prefix. Default: a cache in memory; null computes them every time. */
  readonly cache?: FeatureCache | null;
  /** Opens the base step by step: at the start of `epoch`, `model.unlock(unlock)`. */
  readonly unfreeze?: readonly { readonly epoch: number; readonly unlock: NamePattern | StageRange }[];
  readonly earlyStopping?: {
    readonly patience: number;
    readonly monitor?: Monitor;
    readonly minDelta?: number;
  };
  /** Give the model the weights of its best epoch at the end. Default: yes, where there is validation data. */
  readonly keepBest?: boolean;
  /** What is best. Default `validationLoss`. */
  readonly monitor?: Monitor;
  /** Saved after every epoch, every `checkpointSteps` steps and when aborted; read first when `resume`. */
  readonly checkpoint?: CheckpointStore;
  readonly checkpointSteps?: number;
  readonly resume?: boolean;
  /**
   * The training step, the evaluation and the locked prefix are compiled where the backend gains by that: it takes graphs
   * whole (onnxruntime) or has fused kernels (wasm, webgl). See `compile`: `forward` and `loss` are then called to be
   * recorded, once for each shape of batch, so what they do beside tensors (a counter, `Math.random()`) happens once;
   * dropout and schedules are asked at every step. A loss that looks at values runs op by op. False turns it off. Default
   * true.
   */
  readonly compile?: boolean;
  /** Stops after the step at hand, with a checkpoint. */
  readonly signal?: AbortSignalLike;
}
