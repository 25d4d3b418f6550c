import type { Backend } from '../backend.ts';
import { GraftError } from '../errors.ts';
import { StateBuffer, type Parameter } from '../nn/parameter.ts';
import { noGrad } from '../op.ts';
import { tensor } from '../ops/index.ts';
import { hostTensor } from '../ops/lift.ts';
import { withSharedScalars } from '../ops/scalars.ts';
import { scope, Tensor, type TensorLike } from '../tensor.ts';
import { hostEffect, tracing } from '../tracing.ts';
import { sameShape, showShape } from '../types.ts';
import { snapshotOf, type Snapshot } from './snapshot.ts';

export interface OptimizerEntry {
  /** Of the parameter in the model; the optimizer's state is kept under it. */
  readonly name: string;
  readonly parameter: Parameter;
  readonly grad: Tensor;
}

/** Settings that every optimizer has. */
export interface BaseHyper {
  /** Learning rate. */
  readonly lr: number;
  /** λ of the penalty ½ λ |p|², added to the gradient as λ · p; `adamW` decays the parameter itself instead. */
  readonly weightDecay: number;
}

/** Settings for parameters of some groups (`parameter.group`; `transfer` makes 'base' and 'head'). */
export interface GroupOptions<H extends BaseHyper> {
  /** Factors on the learning rate, by group. */
  readonly lrPerGroup?: Readonly<Record<string, number>>;
  /** Other settings, by group. A learning rate given here is not moved by a change of the optimizer's `lr`. */
  readonly groups?: Readonly<Record<string, Partial<H>>>;
}

/** Changes parameters by their gradients. Made by `sgd`, `adam`, `adamW`, `rmsprop` and `adagrad`. */
export interface Optimizer {
  /** Learning rate; schedules may set it between steps. */
  lr: number;
  /** Factors on the learning rate, by `parameter.group`. */
  lrPerGroup: Record<string, number>;
  /** Steps done. */
  readonly stepCount: number;
  /**
   * Gives every parameter its next value. Locked ones are left alone altogether: no weight decay, no momentum.
   * @param factor on the learning rate, for this step. A function is asked again at each call of a compiled step.
   */
  step(entries: Iterable<OptimizerEntry>, factor?: number | (() => number)): void;
  /**
   * What it remembers, live: `<parameter>.<slot>`, and the parameter's own number of steps as the int32 scalar
   * `<parameter>.step`. With `stepCount`, enough to go on with the same bits.
   */
  state(): Map<string, Tensor>;
  /**
   * Goes on from a saved state. Buffers are shared with the given tensors, which stay the caller's. Done at once on
   * synchronous backends; others have to read the step counts.
   */
  loadState(state: ReadonlyMap<string, Tensor>, stepCount: number): Promise<void>;
  /** Remembers where it is, for a step that may fail. */
  snapshot(): Snapshot;
  /** Its settings, for records. */
  describe(): Record<string, unknown>;
  /** Frees its state. */
  dispose(): void;
}

/** What an update rule sees: tensors and host numbers of one parameter. */
export interface UpdateContext<H extends BaseHyper> {
  readonly p: Tensor;
  readonly g: Tensor;
  readonly hyper: H;
  /**
   * A number that depends on the learning rate (with all factors) and the parameter's step (from 1). Everything that
   * changes from step to step is asked for in this way, so that compiled steps ask again.
   * @param name Tells it from the rule's other numbers.
   */
  readonly at: (name: string, f: (lr: number, t: number) => number) => TensorLike;
  /** State of the last step; empty at first. */
  readonly state: Readonly<Record<string, Tensor>>;
}

/** The parameter's next value and state. */
export interface Update {
  readonly p: Tensor;
  readonly state: Record<string, Tensor>;
}

interface Memory {
  readonly backend: () => Backend;
  t: number;
  slots: Record<string, StateBuffer>;
  /** `t` on the backend, made by `state()`. */
  step: Tensor | null;
}

/** A group's entry. Groups have any names, from model files too: one called 'constructor' has none here. */
const own = <T>(entries: Readonly<Record<string, T>>, group: string): T | undefined =>
  Object.hasOwn(entries, group) ? entries[group] : undefined;

/** Everything but the formula. */
export class RuleOptimizer<H extends BaseHyper> implements Optimizer {
  lr: number;
  lrPerGroup: Record<string, number>;
  readonly #groups: Readonly<Record<string, Partial<H>>>;
  readonly #memory = new Map<string, Memory>();
  #stepCount = 0;

  constructor(
    readonly kind: string,
    readonly hyper: H,
    options: GroupOptions<H>,
    private readonly rule: (ctx: UpdateContext<H>) => Update,
  ) {
    for (const [name, value] of Object.entries(hyper)) {
      if (typeof value === 'number' && !(value >= 0))
        throw new GraftError(`${kind}: ${name} must be 0 or more, not ${value}`);
    }
    this.lr = hyper.lr;
    this.lrPerGroup = { ...options.lrPerGroup };
    this.#groups = { ...options.groups };
  }

  get stepCount(): number {
    return this.#stepCount;
  }

  step(entries: Iterable<OptimizerEntry>, factor: number | (() => number) = 1): void {
    hostEffect(() => {
      this.#stepCount++;
    });
    // Shared by the parameters of a group that have done as many steps.
    const rates = new Map<string, Tensor>();
    try {
      withSharedScalars(() =>
        noGrad(() => {
          for (const entry of entries) {
            if (!entry.parameter.locked) scope(() => this.#one(entry, factor, rates));
          }
        }),
      );
    } finally {
      for (const t of rates.values()) t.dispose();
    }
  }

  #one(
    { name, parameter, grad }: OptimizerEntry,
    factor: number | (() => number),
    rates: Map<string, Tensor>,
  ): void {
    const p = parameter.value;
    if (!sameShape(grad.shape, p.shape)) {
      throw new GraftError(
        `${this.kind}: '${name}' is ${showShape(p.shape)}, its gradient ${showShape(grad.shape)}`,
      );
    }
    const { backend } = p;
    const { group } = parameter;
    const hyper = { ...this.hyper, ...own(this.#groups, group) };
    const memory = this.#memoryOf(name, parameter);
    const at = (what: string, f: (lr: number, t: number) => number): TensorLike => {
      const now = (): number => {
        const base = own(this.#groups, group)?.lr ?? this.lr;
        const scale = typeof factor === 'number' ? factor : factor();
        return f(base * (own(this.lrPerGroup, group) ?? 1) * scale, this.#memory.get(name)!.t + 1);
      };
      if (!tracing()) return now();
      const key = `${memory.t} ${what} ${group}`;
      let rate = rates.get(key);
      if (!rate) rates.set(key, (rate = hostTensor([], () => [now()], backend).keep()));
      return rate;
    };
    const state = Object.fromEntries(Object.entries(memory.slots).map(([slot, s]) => [slot, s.value]));
    const next = this.rule({ p, g: grad, hyper, at, state });
    for (const [slot, v] of Object.entries(next.state)) {
      // It may be the gradient itself, which belongs to the caller: tensors are immutable, so share its buffer.
      const own = v === grad ? new Tensor(v.storage, v) : v;
      const kept = memory.slots[slot];
      if (kept) kept.set(own);
      else memory.slots[slot] = new StateBuffer(own);
    }
    hostEffect(() => {
      this.#memory.get(name)!.t++;
    });
    parameter.set(next.p);
  }

  #memoryOf(name: string, parameter: Parameter): Memory {
    let memory = this.#memory.get(name);
    if (!memory) {
      const backend = (): Backend => parameter.value.backend;
      this.#memory.set(name, (memory = { backend, t: 0, slots: {}, step: null }));
    }
    return memory;
  }

  state(): Map<string, Tensor> {
    const out = new Map<string, Tensor>();
    for (const [name, memory] of this.#memory) {
      for (const [slot, v] of Object.entries(memory.slots)) out.set(`${name}.${slot}`, v.value);
      memory.step?.dispose();
      memory.step = tensor([memory.t], [], { dtype: 'int32', backend: memory.backend() }).keep();
      out.set(`${name}.step`, memory.step);
    }
    return out;
  }

  async loadState(state: ReadonlyMap<string, Tensor>, stepCount: number): Promise<void> {
    const loaded = new Map<string, Memory>();
    for (const [key, entry] of state) {
      const { backend } = entry;
      const dot = key.lastIndexOf('.');
      const name = key.slice(0, dot);
      const slot = key.slice(dot + 1);
      const memory = loaded.get(name) ?? { backend: () => backend, t: 0, slots: {}, step: null };
      loaded.set(name, memory);
      if (slot !== 'step') memory.slots[slot] = new StateBuffer(new Tensor(entry.storage, entry));
      else memory.t = (entry.backend.readSync ? entry.dataSync() : await entry.data())[0]!;
    }
    this.dispose();
    for (const [name, memory] of loaded) this.#memory.set(name, memory);
    this.#stepCount = stepCount;
  }

  snapshot(): Snapshot {
    const stepCount = this.#stepCount;
    const memories = new Map([...this.#memory].map(([name, m]) => [name, { t: m.t, slots: { ...m.slots } }]));
    const cells = snapshotOf([...this.#memory.values()].flatMap((m) => Object.values(m.slots)));
    return {
      restore: () => {
        cells.restore();
        this.#stepCount = stepCount;
        for (const [name, memory] of this.#memory) {
          const before = memories.get(name);
          for (const [slot, s] of Object.entries(memory.slots)) if (s !== before?.slots[slot]) s.dispose();
          if (before) Object.assign(memory, before);
          else {
            memory.step?.dispose();
            this.#memory.delete(name);
          }
        }
      },
      release: () => cells.release(),
    };
  }

  describe(): Record<string, unknown> {
    const groups = Object.keys(this.#groups).length ? { groups: this.#groups } : {};
    const factors = Object.keys(this.lrPerGroup).length ? { lrPerGroup: { ...this.lrPerGroup } } : {};
    return { type: this.kind, ...(this.hyper as BaseHyper), lr: this.lr, ...factors, ...groups };
  }

  dispose(): void {
    for (const { slots, step } of this.#memory.values()) {
      for (const v of Object.values(slots)) v.dispose();
      step?.dispose();
    }
    this.#memory.clear();
  }
}
