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
import { constantInit, initParameter, type BackendOption } from './init.ts';
import { Module } from './module.ts';
import type { Parameter } from './parameter.ts';
import type { LayoutOption } from './window.ts';

/** A function of one tensor as a module: `new Activation(relu)`, or one of the named classes below. */
export class Activation extends Module {
  readonly fn: (x: Tensor) => Tensor;
  constructor(fn: (x: Tensor) => Tensor) {
    super();
    this.fn = fn;
  }
  forward(x: Tensor): Tensor {
    return this.fn(x);
  }
  describe(): string {
    return this.constructor.name;
  }
}

/** See `relu`. */
export class ReLU extends Activation {
  constructor() {
    super(relu);
  }
}
/** See `relu6`. */
export class ReLU6 extends Activation {
  constructor() {
    super(relu6);
  }
}
/** See `leakyRelu`. */
export class LeakyReLU extends Activation {
  constructor(readonly slope = 0.01) {
    super((x) => leakyRelu(x, slope));
  }
}
/** See `elu`. */
export class ELU extends Activation {
  constructor(readonly alpha = 1) {
    super((x) => elu(x, alpha));
  }
}
/** See `gelu`. */
export class GELU extends Activation {
  constructor(readonly options: GeluOptions = {}) {
    super((x) => gelu(x, options));
  }
}
/** See `silu`. */
export class SiLU extends Activation {
  constructor() {
    super(silu);
  }
}
/** See `hardswish`. */
export class Hardswish extends Activation {
  constructor() {
    super(hardswish);
  }
}
/** See `hardsigmoid`. */
export class Hardsigmoid extends Activation {
  constructor() {
    super(hardsigmoid);
  }
}
/** See `hardtanh`. */
export class Hardtanh extends Activation {
  constructor(
    readonly low = -1,
    readonly high = 1,
  ) {
    super((x) => hardtanh(x, low, high));
  }
}
/** See `sigmoid`. */
export class Sigmoid extends Activation {
  constructor() {
    super(sigmoid);
  }
}
/** See `tanh`. */
export class Tanh extends Activation {
  constructor() {
    super(tanh);
  }
}
/** See `softplus`. */
export class Softplus extends Activation {
  constructor(readonly beta = 1) {
    super((x) => softplus(x, beta));
  }
}
/** See `mish`. */
export class Mish extends Activation {
  constructor() {
    super(mish);
  }
}
/** See `softmax`. */
export class Softmax extends Activation {
  constructor(readonly axis = -1) {
    super((x) => softmax(x, axis));
  }
}
/** See `logSoftmax`. */
export class LogSoftmax extends Activation {
  constructor(readonly axis = -1) {
    super((x) => logSoftmax(x, axis));
  }
}

/** See `prelu`: a learned slope for all channels together (the default), or one for each. */
export class PReLU extends Module {
  readonly weight: Parameter;
  readonly layout: Layout;
  constructor(channels = 1, options: BackendOption & LayoutOption & { readonly slope?: number } = {}) {
    super();
    this.weight = initParameter([channels], constantInit(options.slope ?? 0.25), options);
    this.layout = options.layout ?? 'channels-first';
  }
  forward(x: Tensor): Tensor {
    return prelu(x, this.weight.value, { layout: this.layout });
  }
  describe(): string {
    return 'PReLU';
  }
}
