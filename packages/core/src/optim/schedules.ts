import { GraftError } from '../errors.ts';
import { alongCosine } from './cosine.ts';
import { power } from './power.ts';

/**
 * The learning rate at a step or an epoch, numbered from 0; `total` is how many there will be. With `lr` 1, the default
 * of all schedules here, it is the factor that `fit` takes.
 */
export type Schedule = (step: number, total?: number) => number;

export interface StepLROptions {
  /** Default 1. */
  readonly lr?: number;
  /** Steps between drops. */
  readonly stepSize: number;
  /** Default 0.1. */
  readonly gamma?: number;
}
/**
 * Multiplied by gamma every `stepSize` steps.
 * @example
 * const schedule = stepLR({ stepSize: 2, gamma: 0.5 });
 * [0, 1, 2, 3, 4].map((step) => schedule(step)); // → [1, 1, 0.5, 0.5, 0.25]
 */
export function stepLR({ lr = 1, stepSize, gamma = 0.1 }: StepLROptions): Schedule {
  return (step) => lr * power(gamma, Math.floor(step / stepSize));
}

export interface MultiStepLROptions {
  /** Default 1. */
  readonly lr?: number;
  /** Steps at which it drops. */
  readonly milestones: readonly number[];
  /** Default 0.1. */
  readonly gamma?: number;
}
/**
 * Multiplied by gamma at each milestone.
 * @example
 * const schedule = multiStepLR({ milestones: [1, 3], gamma: 0.5 });
 * [0, 1, 2, 3].map((step) => schedule(step)); // → [1, 0.5, 0.5, 0.25]
 */
export function multiStepLR({ lr = 1, milestones, gamma = 0.1 }: MultiStepLROptions): Schedule {
  return (step) => lr * power(gamma, milestones.filter((m) => m <= step).length);
}

export interface ExponentialLROptions {
  /** Default 1. */
  readonly lr?: number;
  readonly gamma: number;
}
/**
 * Multiplied by gamma at every step.
 * @example
 * const schedule = exponentialLR({ gamma: 0.5 });
 * [0, 1, 2].map((step) => schedule(step)); // → [1, 0.5, 0.25]
 */
export function exponentialLR({ lr = 1, gamma }: ExponentialLROptions): Schedule {
  return (step) => lr * power(gamma, step);
}

export interface CosineLROptions {
  /** Default 1. */
  readonly lr?: number;
  /** Steps to the minimum. Default: the total. */
  readonly steps?: number;
  /** Default 0. */
  readonly minLr?: number;
}
/**
 * From lr to minLr along half a cosine, and stays there. (Loshchilov, Hutter, 2017, arXiv:1608.03983)
 * @throws (the schedule, when asked) GraftError where nobody says how many steps there are.
 * @example
 * const schedule = cosineLR();
 * [0, 5, 10].map((step) => schedule(step, 10)); // → [1, 0.500, 0]
 */
export function cosineLR({ lr = 1, steps, minLr = 0 }: CosineLROptions = {}): Schedule {
  return (step, total) => {
    return alongCosine(lr, minLr, step / known('cosineLR', 'steps', steps ?? total));
  };
}

export interface OneCycleLROptions {
  /** The highest rate. Default 1. */
  readonly maxLr?: number;
  /** Default: the total. */
  readonly totalSteps?: number;
  /** Share of the steps in which it rises. Default 0.3. */
  readonly pctStart?: number;
  /** It starts at maxLr / divFactor. Default 25. */
  readonly divFactor?: number;
  /** It ends at the start's rate / finalDivFactor. Default 1e4. */
  readonly finalDivFactor?: number;
}
/**
 * Up along half a cosine, then down along a longer one. (Smith, Topin, 2017, arXiv:1708.07120)
 * @throws (the schedule, when asked) GraftError where nobody says how many steps there are.
 * @example
 * const schedule = oneCycleLR({ maxLr: 0.1 });
 * schedule(0, 10); // → 0.004
 */
export function oneCycleLR(options: OneCycleLROptions = {}): Schedule {
  const { maxLr = 1, totalSteps, pctStart = 0.3, divFactor = 25, finalDivFactor = 1e4 } = options;
  const initial = maxLr / divFactor;
  return (step, total) => {
    const n = known('oneCycleLR', 'totalSteps', totalSteps ?? total);
    const peak = pctStart * n - 1;
    if (step <= peak) return alongCosine(initial, maxLr, peak > 0 ? step / peak : 1);
    return alongCosine(maxLr, initial / finalDivFactor, (step - peak) / (n - 1 - peak));
  };
}

function known(schedule: string, option: string, value: number | undefined): number {
  if (value === undefined || !(value > 0))
    throw new GraftError(`${schedule}: say how many steps there are with '${option}'`);
  return value;
}

/**
 * Another schedule, multiplied by a factor that rises linearly from `startFactor` (default 1/3, as PyTorch's LinearLR) at
 * step 0 to 1 at step `steps`. (Goyal et al., 2017, arXiv:1706.02677)
 * @example
 * const schedule = warmup(cosineLR(), 2, { startFactor: 0 });
 * [0, 1, 2].map((step) => schedule(step, 100)); // → [0, 0.500, 0.999]
 */
export function warmup(
  schedule: Schedule,
  steps: number,
  options: { readonly startFactor?: number } = {},
): Schedule {
  const { startFactor = 1 / 3 } = options;
  return (step, total) =>
    schedule(step, total) * (step >= steps ? 1 : startFactor + ((1 - startFactor) * step) / steps);
}

export interface PlateauOptions {
  /** Default 1. */
  readonly lr?: number;
  /** Is a smaller metric better (`'min'`, the default) or a larger one? */
  readonly mode?: 'min' | 'max';
  /** Default 0.1. */
  readonly factor?: number;
  /** Epochs without improvement that are put up with. Default 10. */
  readonly patience?: number;
  /** What counts as an improvement. Default 1e-4. */
  readonly threshold?: number;
  /** `'rel'` (the default): threshold · best; `'abs'`: the threshold itself. */
  readonly thresholdMode?: 'rel' | 'abs';
  /** Epochs of rest after a drop. Default 0. */
  readonly cooldown?: number;
  /** Default 0. */
  readonly minLr?: number;
  /** Smaller drops are left out. Default 1e-8. */
  readonly eps?: number;
}

/** JSON, but for the infinite `best` before the first step: that is null. */
export interface PlateauState {
  readonly lr: number;
  readonly best: number | null;
  readonly badEpochs: number;
  readonly cooldown: number;
}

/**
 * Lowers the rate when a metric stops improving; give it the metric after every epoch. PyTorch's ReduceLROnPlateau.
 * @example
 * const plateau = new ReduceOnPlateau({ patience: 0 });
 * [3, 2, 2].map((loss) => plateau.step(loss)); // → [1, 1, 0.1]
 */
export class ReduceOnPlateau {
  #state: PlateauState;
  constructor(readonly options: PlateauOptions = {}) {
    this.#state = { lr: options.lr ?? 1, best: null, badEpochs: 0, cooldown: 0 };
  }
  get lr(): number {
    return this.#state.lr;
  }
  /** @returns The learning rate from now on. */
  step(metric: number): number {
    const { factor = 0.1, patience = 10, cooldown: rest = 0, minLr = 0, eps = 1e-8 } = this.options;
    let { lr, best, badEpochs, cooldown } = this.#state;
    if (this.#better(metric, best)) {
      best = metric;
      badEpochs = 0;
    } else badEpochs++;
    if (cooldown > 0) {
      cooldown--;
      badEpochs = 0;
    }
    if (badEpochs > patience) {
      const lower = Math.max(lr * factor, minLr);
      if (lr - lower > eps) lr = lower;
      cooldown = rest;
      badEpochs = 0;
    }
    this.#state = { lr, best, badEpochs, cooldown };
    return lr;
  }
  /** NaN is never better. */
  #better(metric: number, last: number | null): boolean {
    const { mode = 'min', threshold = 1e-4, thresholdMode = 'rel' } = this.options;
    const best = last ?? (mode === 'min' ? Infinity : -Infinity);
    if (mode === 'min') return metric < (thresholdMode === 'rel' ? best * (1 - threshold) : best - threshold);
    return metric > (thresholdMode === 'rel' ? best * (1 + threshold) : best + threshold);
  }
  /** For checkpoints. */
  state(): PlateauState {
    return { ...this.#state };
  }
  loadState(state: PlateauState): void {
    this.#state = { ...state };
  }
}

/**
 * `new ReduceOnPlateau(options)`.
 * @example
 * reduceOnPlateau({ lr: 0.5 }).lr; // → 0.5
 */
export function reduceOnPlateau(options: PlateauOptions = {}): ReduceOnPlateau {
  return new ReduceOnPlateau(options);
}
