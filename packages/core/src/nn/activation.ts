import {
  elu,
  gelu,
  hardsigmoid,
  hardswish,
  hardtanh,
  leakyRelu,
  mish,
  prelu,
  relu6,
  silu,
  softplus,
  type GeluOptions,
} from '../functional/activation.ts';
import { logSoftmax, softmax } from '../functional/softmax.ts';
import { relu, sigmoid, tanh } from '../ops/index.ts';
import type { Tensor } from '../tensor.ts';
import type { Layout } from '../types.ts';
import { constantInit, type BackendOption, type ConfigOf } from './init.ts';
import { initParameter } from './init-parameter.ts';
import { Layer } from './layer.ts';
import type { Parameter } from './parameter.ts';
import { layoutConfig, type LayoutOption } from './spatial.ts';

type Pointwise = (x: Tensor) => Tensor;

/**
 * A function of one tensor as a module, for what has no class of its own. Such a layer cannot be put in a model file.
 * @example
 * const square = new Activation((x) => mul(x, x));
 * square.forward(tensor([1, 2, 3])); // → [1, 4, 9]
 */
export class Activation extends Layer {
  constructor(readonly fn: Pointwise) {
    super();
  }
  forward(x: Tensor): Tensor {
    return this.fn(x);
  }
}

/** One without settings: its class's `of`. */
abstract class PlainActivation extends Activation {
  static override readonly args: readonly string[] = [];
  declare protected static readonly of: Pointwise;
  constructor() {
    super(new.target.of);
  }
  override get config(): object {
    return {};
  }
}

/**
 * max(x, 0), any shape; see `relu`. (Nair, Hinton, 2010)
 * @example
 * new ReLU().forward(tensor([-1, 0, 2])); // → [0, 0, 2]
 */
export class ReLU extends PlainActivation {
  protected static override readonly of: Pointwise = relu;
}
/**
 * min(max(x, 0), 6), any shape; see `relu6`. (Krizhevsky, 2010)
 * @example
 * new ReLU6().forward(tensor([-1, 3, 8])); // → [0, 3, 6]
 */
export class ReLU6 extends PlainActivation {
  protected static override readonly of: Pointwise = relu6;
}
/**
 * x · sigmoid(x), any shape; see `silu`. (Elfwing et al., 2017, arXiv:1702.03118)
 * @example
 * new SiLU().forward(tensor([-1, 0, 1])); // → [-0.269, 0, 0.731]
 */
export class SiLU extends PlainActivation {
  protected static override readonly of: Pointwise = silu;
}
/**
 * x · min(max(x + 3, 0), 6) / 6, any shape; see `hardswish`. (Howard et al., 2019, arXiv:1905.02244)
 * @example
 * new Hardswish().forward(tensor([-4, 1, 4])); // → [0, 0.667, 4]
 */
export class Hardswish extends PlainActivation {
  protected static override readonly of: Pointwise = hardswish;
}
/**
 * min(max(x + 3, 0), 6) / 6, any shape; see `hardsigmoid`. (Courbariaux et al., 2015, arXiv:1511.00363)
 * @example
 * new Hardsigmoid().forward(tensor([-4, 0, 1])); // → [0, 0.5, 0.667]
 */
export class Hardsigmoid extends PlainActivation {
  protected static override readonly of: Pointwise = hardsigmoid;
}
/**
 * 1 / (1 + e⁻ˣ), any shape; see `sigmoid`.
 * @example
 * new Sigmoid().forward(tensor([-1, 0, 1])); // → [0.269, 0.5, 0.731]
 */
export class Sigmoid extends PlainActivation {
  protected static override readonly of: Pointwise = sigmoid;
}
/**
 * tanh(x), any shape; see `tanh`.
 * @example
 * new Tanh().forward(tensor([-1, 0, 1])); // → [-0.762, 0, 0.762]
 */
export class Tanh extends PlainActivation {
  protected static override readonly of: Pointwise = tanh;
}
/**
 * x · tanh(softplus(x)), any shape; see `mish`. (Misra, 2019, arXiv:1908.08681)
 * @example
 * new Mish().forward(tensor([-1, 0, 1])); // → [-0.303, 0, 0.865]
 */
export class Mish extends PlainActivation {
  protected static override readonly of: Pointwise = mish;
}
/**
 * x where it is positive, else slope · x, any shape; see `leakyRelu`. (Maas et al., 2013)
 * @example
 * new LeakyReLU(0.1).forward(tensor([-1, 2])); // → [-0.1, 2]
 */
export class LeakyReLU extends Activation {
  static override readonly args: readonly string[] = ['slope'];
  constructor(readonly slope = 0.01) {
    super((x) => leakyRelu(x, slope));
  }
  override get config(): { readonly slope: number } {
    return { slope: this.slope };
  }
}
/**
 * x where it is positive, else alpha · (eˣ − 1), any shape; see `elu`. (Clevert et al., 2015, arXiv:1511.07289)
 * @example
 * new ELU().forward(tensor([-1, 2])); // → [-0.632, 2]
 */
export class ELU extends Activation {
  static override readonly args: readonly string[] = ['alpha'];
  constructor(readonly alpha = 1) {
    super((x) => elu(x, alpha));
  }
  override get config(): { readonly alpha: number } {
    return { alpha: this.alpha };
  }
}
/**
 * x · Φ(x) with the normal distribution's Φ, any shape; see `gelu`. (Hendrycks, Gimpel, 2016, arXiv:1606.08415)
 * @example
 * new GELU().forward(tensor([-1, 0, 1])); // → [-0.159, 0, 0.841]
 * new GELU({ approximate: 'tanh' }).forward(tensor([1])); // → [0.8412]
 */
export class GELU extends Activation {
  static override readonly args: readonly string[] = ['options'];
  constructor(readonly options: GeluOptions = {}) {
    super((x) => gelu(x, options));
  }
  override get config(): { readonly options: GeluOptions } {
    return { options: this.options };
  }
}
/**
 * log(1 + e^(beta · x)) / beta, any shape; see `softplus`. (Dugas et al., 2001)
 * @example
 * new Softplus().forward(tensor([-1, 0, 1])); // → [0.313, 0.693, 1.313]
 */
export class Softplus extends Activation {
  static override readonly args: readonly string[] = ['beta'];
  constructor(readonly beta = 1) {
    super((x) => softplus(x, beta));
  }
  override get config(): { readonly beta: number } {
    return { beta: this.beta };
  }
}
/**
 * eˣ / Σ eˣ along an axis, by default the last: any shape in, the same shape out; see `softmax`.
 * @example
 * new Softmax().forward(tensor([[0, 0], [0, 2]])); // → [[0.5, 0.5], [0.119, 0.881]]
 */
export class Softmax extends Activation {
  static override readonly args: readonly string[] = ['axis'];
  constructor(readonly axis = -1) {
    super((x) => softmax(x, axis));
  }
  override get config(): { readonly axis: number } {
    return { axis: this.axis };
  }
}
/**
 * log(eˣ / Σ eˣ) along an axis, by default the last: any shape in, the same shape out; see `logSoftmax`.
 * @example
 * new LogSoftmax().forward(tensor([[0, 0]])); // → [[-0.693, -0.693]]
 */
export class LogSoftmax extends Activation {
  static override readonly args: readonly string[] = ['axis'];
  constructor(readonly axis = -1) {
    super((x) => logSoftmax(x, axis));
  }
  override get config(): { readonly axis: number } {
    return { axis: this.axis };
  }
}
/**
 * min(max(x, low), high), any shape; see `hardtanh`. (Collobert, 2004)
 * @example
 * new Hardtanh(-2, 2).forward(tensor([-3, 1, 3])); // → [-2, 1, 2]
 */
export class Hardtanh extends Activation {
  static override readonly args: readonly string[] = ['low', 'high'];
  constructor(
    readonly low = -1,
    readonly high = 1,
  ) {
    super((x) => hardtanh(x, low, high));
  }
  override get config(): { readonly low: number; readonly high: number } {
    return { low: this.low, high: this.high };
  }
}

export interface PReluOptions extends BackendOption, LayoutOption {
  /** What the slopes start from. Default 0.25. */
  readonly slope?: number;
}

/**
 * x where it is positive, else w · x with a learned slope w: one for all channels together (the default), or one for each
 * channel of `[n, c, ...spatial]`; see `prelu`. (He et al., 2015, arXiv:1502.01852)
 * @example
 * new PReLU().forward(tensor([-1, 2])); // → [-0.25, 2]
 */
export class PReLU extends Layer {
  static override readonly args: readonly string[] = ['channels'];
  /** `[channels]`. */
  readonly weight: Parameter;
  readonly layout: Layout;
  constructor(
    readonly channels = 1,
    options: PReluOptions = {},
  ) {
    super();
    this.weight = initParameter([channels], constantInit(options.slope ?? 0.25), options);
    this.layout = options.layout ?? 'channels-first';
  }
  override get config(): ConfigOf<{ channels: number }, LayoutOption> {
    return { channels: this.channels, ...layoutConfig(this) };
  }
  forward(x: Tensor): Tensor {
    return prelu(x, this.weight.value, { layout: this.layout });
  }
}
