import type { Backend } from '../backend.ts';
import { GraftError } from '../errors.ts';
import type { Parameter } from '../nn/module.ts';
import { noGrad } from '../op.ts';
import { tensor } from '../ops/index.ts';
import { scope, Tensor } from '../tensor.ts';
import { sameShape, showShape } from '../types.ts';

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
   * @param factor on the learning rate, for this step.
   */
  step(entries: Iterable<OptimizerEntry>, factor?: number): void;
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
  /** Learning rate with all factors. */
  readonly lr: number;
  /** This parameter's step, from 1. */
  readonly t: number;
  /** State of the last step; empty at first. */
  readonly state: Readonly<Record<string, Tensor>>;
  /** Scalars on the backend, made once per step. */
  readonly c: (value: number) => Tensor;
}

/** The parameter's next value and state. */
export interface Update {
  readonly p: Tensor;
  readonly state: Record<string, Tensor>;
}

interface Memory {
  readonly backend: Backend;
  t: number;
  slots: Record<string, Tensor>;
  /** `t` on the backend, made by `state()`. */
  step: Tensor | null;
}

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

  step(entries: Iterable<OptimizerEntry>, factor = 1): void {
    this.#stepCount++;
    const scalars = new Map<Backend, Map<number, Tensor>>();
    try {
      noGrad(() => {
        for (const entry of entries) {
          if (!entry.parameter.locked) scope(() => this.#one(entry, factor, scalars));
        }
      });
    } finally {
      for (const known of scalars.values()) for (const t of known.values()) t.dispose();
    }
  }

  #one(
    { name, parameter, grad }: OptimizerEntry,
    factor: number,
    scalars: Map<Backend, Map<number, Tensor>>,
  ): void {
    const p = parameter.value;
    if (!sameShape(grad.shape, p.shape)) {
      throw new GraftError(
        `${this.kind}: '${name}' is ${showShape(p.shape)}, its gradient ${showShape(grad.shape)}`,
      );
    }
    const { backend } = p;
    let known = scalars.get(backend);
    if (!known) scalars.set(backend, (known = new Map()));
    const c = (value: number): Tensor => {
      let t = known.get(value);
      if (!t) known.set(value, (t = tensor([value], [], { dtype: 'float32', backend }).keep()));
      return t;
    };
    const override = this.#groups[parameter.group];
    const hyper = { ...this.hyper, ...override };
    const lr = (override?.lr ?? this.lr) * (this.lrPerGroup[parameter.group] ?? 1) * factor;
    const memory = this.#memory.get(name) ?? { backend, t: 0, slots: {}, step: null };
    const next = this.rule({ p, g: grad, hyper, lr, t: memory.t + 1, state: memory.slots, c });
    const before = Object.values(memory.slots);
    // A slot may be the gradient itself, which belongs to the caller: tensors are immutable, so share its buffer.
    memory.slots = Object.fromEntries(
      Object.entries(next.state).map(([slot, v]) => [
        slot,
        (v === grad ? new Tensor(v.storage, v) : v).keep(),
      ]),
    );
    const now = new Set(Object.values(memory.slots));
    for (const v of before) if (!now.has(v)) v.dispose();
    memory.t++;
    this.#memory.set(name, memory);
    parameter.set(next.p);
  }

  state(): Map<string, Tensor> {
    const out = new Map<string, Tensor>();
    for (const [name, memory] of this.#memory) {
      for (const [slot, v] of Object.entries(memory.slots)) out.set(`${name}.${slot}`, v);
      memory.step?.dispose();
      memory.step = tensor([memory.t], [], { dtype: 'int32', backend: memory.backend }).keep();
      out.set(`${name}.step`, memory.step);
    }
    return out;
  }

  async loadState(state: ReadonlyMap<string, Tensor>, stepCount: number): Promise<void> {
    const loaded = new Map<string, Memory>();
    for (const [key, entry] of state) {
      const dot = key.lastIndexOf('.');
      const name = key.slice(0, dot);
      const slot = key.slice(dot + 1);
      const memory = loaded.get(name) ?? { backend: entry.backend, t: 0, slots: {}, step: null };
      loaded.set(name, memory);
      if (slot !== 'step') memory.slots[slot] = new Tensor(entry.storage, entry).keep();
      else memory.t = (entry.backend.readSync ? entry.dataSync() : await entry.data())[0]!;
    }
    this.dispose();
    for (const [name, memory] of loaded) this.#memory.set(name, memory);
    this.#stepCount = stepCount;
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
