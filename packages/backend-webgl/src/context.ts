import { UnsupportedError } from '@graftjs/core/backend';
import type { Gl } from './gl.ts';
import { significandOf } from './probe.ts';

/** What is used of gpu.js. */
interface GpuJs {
  new (settings: { mode?: string; context?: unknown; canvas?: unknown }): GpuJsInstance;
  readonly isWebGL2Supported: boolean;
}

interface GpuJsInstance {
  readonly context: Gl | null;
  createKernel(
    source: string,
    settings: object,
  ): ((...inputs: Float32Array[]) => Float32Array) & { readonly context: Gl; destroy(): void };
  destroy(): Promise<unknown>;
}

/** gpu.js's modes. */
export type Mode = 'webgl2' | 'headlessgl' | 'webgl' | 'webgpu' | 'webasm' | 'cpu';

/** Why a mode is not offered; tried with gpu.js 2.24.1 (docs/adr/0008). */
const REFUSED: Readonly<Record<Exclude<Mode, 'webgl2'>, string>> = {
  headlessgl: 'is WebGL 1, which has no integer textures, no texelFetch and no several outputs',
  webgl: 'is WebGL 1, which has no integer textures, no texelFetch and no several outputs',
  webgpu:
    "knows float32 alone and runs kernels in JavaScript's words only, so int32 and bool would not be exact",
  webasm: "knows float32 alone, so int32 and bool would not be exact; the backend 'wasm' is WebAssembly",
  cpu: "is JavaScript; the backend 'cpu' is that, with the contract's bits",
};

export interface Opened {
  readonly gl: Gl;
  /** Bits of the significand in which kernels add: 24 for float32. */
  readonly significand: number;
  readonly close: () => Promise<void>;
}

/**
 * gpu.js's build for browsers, which our own build takes in: as a dependency the package would bring Dawn (130 MB) and a
 * WebGL that compiles itself at install. It takes over the global name `GPU`, which is WebGPU's: that is put back.
 */
async function gpuJs(): Promise<GpuJs> {
  const before = Object.getOwnPropertyDescriptor(globalThis, 'GPU');
  const module = (await import('gpu.js/dist/gpu-browser.min.js')) as { default?: unknown; GPU?: GpuJs };
  const now = Object.getOwnPropertyDescriptor(globalThis, 'GPU');
  if (now?.get !== undefined && now.configurable) {
    delete (globalThis as { GPU?: unknown }).GPU;
    if (before) Object.defineProperty(globalThis, 'GPU', before);
  }
  const found = module.default ?? module;
  return (found as { GPU?: GpuJs }).GPU ?? (found as GpuJs);
}

/** A sum of two arrays by a kernel of gpu.js, in its single precision. */
function adder(gpu: GpuJsInstance): ReturnType<GpuJsInstance['createKernel']> {
  return gpu.createKernel('function (a, b) { return a[this.thread.x] + b[this.thread.x]; }', {
    output: [32],
    precision: 'single',
  });
}

/**
 * A WebGL 2 context that can render to float textures: gpu.js's, or the caller's.
 * @throws UnsupportedError with the reason in a sentence
 */
export async function openContext(mode: Mode, given: Gl | undefined): Promise<Opened> {
  if (mode !== 'webgl2')
    throw new UnsupportedError(`'webgl' does not offer gpu.js's mode '${mode}': it ${REFUSED[mode]}`);
  const GPU = await gpuJs();
  if (given) check(given);
  else if (!GPU.isWebGL2Supported) {
    throw new UnsupportedError(
      'document' in globalThis || 'OffscreenCanvas' in globalThis
        ? "'webgl' needs WebGL 2, which is turned off or missing in this browser (chrome://gpu or about:support tell why); the backend 'wasm' runs here"
        : "'webgl' needs a browser: this host has no WebGL 2; the backend 'wasm' runs here",
    );
  }
  const gpu = new GPU(given ? { context: given, canvas: given.canvas } : { mode: 'webgl2' });
  // The caller's context is left as it is. A page has some sixteen at a time, so ours goes at once, not when it is collected.
  let own: Gl | undefined;
  const close = async (): Promise<void> => {
    if (given) return;
    await gpu.destroy();
    own?.getExtension('WEBGL_lose_context')?.loseContext();
  };
  try {
    const add = adder(gpu);
    const gl = given ?? add.context;
    if (!given) own = gl;
    check(gl); // before gpu.js runs, which would have its own words for it
    const significand = significandOf(add);
    add.destroy();
    return { gl, significand, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function check(gl: Gl): void {
  if (gl.isContextLost())
    throw new UnsupportedError("'webgl' got a WebGL context that is lost: make a new one");
  if (!gl.getExtension('EXT_color_buffer_float')) {
    throw new UnsupportedError(
      "'webgl' needs float textures that can be drawn to (EXT_color_buffer_float), which this device does not have; the backend 'wasm' runs here",
    );
  }
}
