import {
  type Backend,
  converted,
  DeferredFailures,
  fillOfEmptyInputs,
  type FusedKernels,
  type OpAttrs,
  type Operand,
  type OpInputs,
  type OpName,
  relieve,
  sizeOf,
  StateError,
  type TensorSpec,
  type TypedArray,
  UnsupportedError,
} from '@graftjs/core/backend';
import { GlBuffer, type Check } from './buffer.ts';
import { openContext, type Mode, type Opened } from './context.ts';
import { convolutions } from './conv.ts';
import { bitsOf, Device } from './device.ts';
import { elementwise } from './elementwise.ts';
import { fusedKernels } from './fused.ts';
import type { Gl } from './gl.ts';
import type { Each, GlKernel, GlKernels, Work } from './kernels.ts';
import { products } from './matmul.ts';
import { movement } from './movement.ts';
import { pools } from './pool.ts';
import { finished, LOST, readTexture } from './reading.ts';
import { reductions } from './reduce.ts';
import { measureRounding, type Rounding } from './rounding.ts';
import { texelCount, type Texture } from './textures.ts';

export interface WebglBackendOptions {
  /** gpu.js's mode. 'webgl2' is the one that passes the suite; the others are refused, with the reason. */
  readonly mode?: Mode;
  /** A WebGL 2 context to use instead of one of gpu.js's own; it should be used for nothing else. */
  readonly context?: Gl;
  /** Take a device whose float arithmetic has less than 24 bits; `significand` says how much less. Default false. */
  readonly allowLowPrecision?: boolean;
  /** Most compiled programs that are kept. Default 512; the one that was used least recently goes first. */
  readonly maxPrograms?: number;
  /** Most bytes of textures that are kept for reuse. Default 256 MiB. */
  readonly maxPooledBytes?: number;
}

export interface WebglBackend extends Backend<GlBuffer> {
  /** The device, as the browser names it. */
  readonly device: string;
  /** Bits of the significand in which it adds, tried when it was made: 24 is float32's. */
  readonly significand: number;
  /** Tries how the device rounds, which is what error bounds follow from. Takes a second or two: programs are compiled. */
  measureRounding(): Promise<Rounding>;
  readonly context: Gl;
  /** Compiled programs and textures alive; for tests and reports. */
  counts(): { readonly programs: number; readonly textures: number };
}

const kernels: GlKernels = {
  ...elementwise,
  ...movement,
  ...reductions,
  ...products,
  ...convolutions,
  ...pools,
};

const NOTHING: ReadonlySet<Check> = new Set();

/**
 * The graphics processor through WebGL 2: kernels in GLSL on gpu.js's context. Ops are drawn in order and their results stay
 * in textures; `read` and `flush` wait for the device without blocking the thread.
 * @throws UnsupportedError in a sentence: no WebGL 2, no float textures, less than float32's precision, another mode
 */
export async function createWebglBackend(options: WebglBackendOptions = {}): Promise<WebglBackend> {
  return openBackend(await openContext(options.mode ?? 'webgl2', options.context), options);
}

/** `createWebglBackend` with what a test may put in the place of a context. */
export async function openBackend(opened: Opened, options: WebglBackendOptions = {}): Promise<WebglBackend> {
  const { significand } = opened;
  if (significand < 24 && !options.allowLowPrecision) {
    await opened.close();
    throw new UnsupportedError(
      `this device computes with ${significand} bits of 24, so 'webgl' would not give float32's results: take another ` +
        `backend, or { allowLowPrecision: true } and errors ${2 ** (24 - significand)} times as large`,
    );
  }
  return new Webgl(opened, options).backend();
}

class Webgl {
  readonly #opened: Opened;
  readonly #device: Device;
  /** Checks whose answer is not known yet. */
  readonly #open = new Set<Check>();
  readonly #failures = new DeferredFailures();
  #disposed = false;

  constructor(opened: Opened, { maxPrograms = 512, maxPooledBytes = 2 ** 28 }: WebglBackendOptions) {
    this.#opened = opened;
    this.#device = new Device(opened.gl, { maxPrograms, maxPooledBytes });
  }

  backend(): WebglBackend {
    const { gl } = this.#device;
    const info = gl.getExtension('WEBGL_debug_renderer_info');
    const backend: WebglBackend = {
      name: 'webgl',
      device: String(gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER)),
      significand: this.#opened.significand,
      measureRounding: () => measureRounding(backend, this.#opened.significand),
      context: gl,
      counts: () => ({ programs: this.#device.programs.count, textures: this.#device.textures.count }),
      upload: (data, spec) => this.#upload(data, spec),
      read: (buffer, spec) => this.#read(buffer, spec),
      release: (buffer) => this.#release(buffer),
      flush: () => this.#flush().then(() => relieve(backend)),
      dispose: () => this.#dispose(),
      run: (op, inputs, attrs, output) => this.#run(op, inputs, attrs, output),
      fused: this.#fused(),
      memory: () => this.#device.textures.usage,
    };
    return backend;
  }

  #alive(): void {
    if (this.#disposed)
      throw new StateError("this 'webgl' backend was disposed, and its tensors with it: make a new one");
    if (this.#device.gl.isContextLost()) throw new StateError(LOST);
  }

  #upload(data: ArrayLike<number>, spec: TensorSpec): GlBuffer {
    this.#alive();
    const texture = this.#device.take(spec);
    const values = data instanceof Float32Array && spec.dtype === 'float32' ? data : converted(data, spec);
    this.#device.write(
      texture,
      values instanceof Uint8Array ? new Int8Array(values.buffer) : values,
      sizeOf(spec.shape),
    );
    // Most indices come from the host: looked at here, they need not be looked at on the device.
    const range = spec.dtype === 'int32' ? rangeOf(values) : undefined;
    return new GlBuffer(texture, spec, NOTHING, range);
  }

  #run<N extends OpName>(
    op: N,
    inputs: OpInputs<Operand<GlBuffer>>[N],
    attrs: OpAttrs[N],
    output: TensorSpec,
  ): GlBuffer {
    this.#alive();
    if (op === 'reshape') return inputs[0].buffer;
    return this.#carryOut(
      inputs,
      (work) => {
        if (sizeOf(output.shape) === 0) return [this.#device.take(output)];
        const specs = inputs.map(({ spec }) => spec);
        const value = fillOfEmptyInputs(op, specs, attrs, output);
        if (value !== undefined) return [fill(work, value, output)];
        return [(kernels[op as keyof GlKernels] as GlKernel<N>)(work, inputs, attrs, output)];
      },
      [output] as const,
    )[0];
  }

  /** Runs a kernel, gives its scratch back, and makes buffers of what it drew. */
  #carryOut<O extends readonly TensorSpec[]>(
    inputs: readonly Operand<GlBuffer>[],
    kernel: (work: Work) => Each<O, Texture>,
    outputs: O,
  ): Each<O, GlBuffer> {
    const scratch: Texture[] = [];
    let checks: Set<Check> | undefined;
    const own = (): Set<Check> => (checks ??= new Set());
    for (const { buffer } of inputs)
      for (const check of buffer.checks) if (check.failed !== false) own().add(check);
    const work: Work = {
      device: this.#device,
      scratch(texture) {
        scratch.push(texture);
        return texture;
      },
      derived(of, key, make) {
        const found = of.derived.get(key);
        if (found) return found;
        const texture = make();
        of.derived.set(key, texture);
        return texture;
      },
      expectZero: (flag, error) => {
        const check: Check = { flag, error, failed: undefined };
        this.#open.add(check);
        own().add(check);
      },
    };
    try {
      const textures = kernel(work);
      const made = textures.map((texture, i) => new GlBuffer(texture, outputs[i]!, checks ?? NOTHING));
      return made as unknown as Each<O, GlBuffer>;
    } finally {
      for (const texture of scratch) this.#device.textures.give(texture);
    }
  }

  #fused(): Partial<FusedKernels<GlBuffer>> {
    return fusedKernels((inputs, outputs, kernel) => {
      this.#alive();
      const present = inputs.filter((input) => input !== null);
      return this.#carryOut(present, kernel, outputs);
    });
  }

  async #read(buffer: GlBuffer, { dtype, shape }: TensorSpec): Promise<TypedArray> {
    this.#alive();
    // Queued before anything is waited for: what comes later does not change it.
    const [values] = await Promise.all([
      this.#deliver(readTexture(this.#device, buffer.texture, sizeOf(shape))),
      this.#settle(),
    ]);
    for (const check of buffer.checks) if (check.failed) throw check.error;
    return dtype === 'bool' ? Uint8Array.from(values) : values;
  }

  /** Reads all open flags. */
  async #settle(): Promise<void> {
    const open = [...this.#open];
    this.#open.clear();
    await Promise.all(
      open.map(async (check) => {
        const values = await this.#deliver(readTexture(this.#device, check.flag, 1));
        check.failed = values[0] !== 0;
        if (check.failed) this.#failures.add(check.error);
        if (!this.#disposed) this.#device.textures.give(check.flag);
      }),
    );
  }

  /** What waits for a device that is lost is told so. */
  async #deliver<T>(result: Promise<T>): Promise<T> {
    try {
      return await result;
    } catch (error) {
      if (this.#device.gl.isContextLost()) throw Object.assign(new StateError(LOST), { cause: error });
      throw error;
    }
  }

  async #flush(): Promise<void> {
    this.#alive();
    await this.#settle();
    await this.#deliver(finished(this.#device.gl));
    this.#failures.throwFirst();
  }

  #release(buffer: GlBuffer): void {
    if (buffer.released || this.#disposed) return;
    buffer.released = true;
    this.#device.textures.give(buffer.texture);
    for (const texture of buffer.derived.values()) this.#device.textures.give(texture);
    buffer.derived.clear();
  }

  async #dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#device.dispose();
    await this.#opened.close();
  }
}

function rangeOf(values: ArrayLike<number>): readonly [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (let i = 0; i < values.length; i++) {
    low = Math.min(low, values[i]!);
    high = Math.max(high, values[i]!);
  }
  return [low, high];
}

function fill({ device }: Work, value: number, output: TensorSpec): Texture {
  const y = device.take(output);
  const float = output.dtype === 'float32';
  device.draw({
    key: `fill ${output.dtype}`,
    inputs: [],
    ints: { value: float ? bitsOf(value) : output.dtype === 'bool' ? Number(value !== 0) : value },
    body: () => (float ? '  y0 = vec4(intBitsToFloat(value));' : '  y0 = ivec4(value);'),
    outputs: [y],
    count: texelCount(output),
  });
  return y;
}
