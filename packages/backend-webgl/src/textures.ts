import {
  type DType,
  OutOfMemoryError,
  showShape,
  sizeOf,
  type TensorSpec,
  UnsupportedError,
} from '@graftjs/core/backend';
import { formatOf, LAYER_ROW, ROW, type Gl, type Texels } from './gl.ts';

/**
 * Row-major elements, four to a texel, texels in rows of `ROW`: element i is component i mod 4 of texel ⌊i / 4⌋, which is
 * at x = texel mod 2048, y = ⌊texel / 2048⌋ (in a layer of an array, 256 to a row). Up to `ROW` texels lie in one row of just that many, rounded up to a power of two.
 * It is gpu.js's memory-optimized format, so its kernels can read a tensor.
 */
export interface Texture {
  readonly texels: Texels;
  readonly width: number;
  readonly height: number;
  /** Of a texture array that draws write to side by side; 0 for a plain texture. */
  readonly layers: number;
  readonly bytes: number;
  readonly handle: WebGLTexture;
  /** With this texture, all its layers, as target. Made when first drawn to. */
  framebuffer: WebGLFramebuffer | null;
}

export const texelsOf: Readonly<Record<DType, Texels>> = { float32: 'float', int32: 'int', bool: 'byte' };

export function texelCount(spec: TensorSpec): number {
  return Math.ceil(sizeOf(spec.shape) / 4);
}

/** Width and height for a number of texels in rows of `row`. */
export function extentOf(count: number, row: number = ROW): readonly [number, number] {
  if (count > row) return [row, Math.ceil(count / row)];
  return [2 ** Math.ceil(Math.log2(Math.max(count, 1))), 1];
}

/**
 * Textures, reused by their extent: the driver takes long to make one. A freed texture may still be read by draws that are
 * queued; whatever is written to it next is queued behind them.
 */
export class TexturePool {
  readonly #gl: Gl;
  readonly #maxSize: number;
  readonly #maxPooled: number;
  /** By format and extent; in the order of their last use. */
  readonly #free = new Map<string, Texture[]>();
  #inUse = 0;
  #pooled = 0;
  #count = 0;

  constructor(gl: Gl, maxPooledBytes: number) {
    this.#gl = gl;
    this.#maxSize = gl.getParameter(gl.MAX_TEXTURE_SIZE) as number;
    this.#maxPooled = maxPooledBytes;
  }

  get usage(): { readonly inUse: number; readonly pooled: number } {
    return { inUse: this.#inUse, pooled: this.#pooled };
  }

  /** Textures alive, in use or kept. */
  get count(): number {
    return this.#count;
  }

  /**
   * @param what What it is for, for the message.
   * @throws UnsupportedError where it is larger than a texture may be
   */
  take(texels: Texels, count: number, layers: number, what: TensorSpec): Texture {
    const [width, height] = extentOf(count, layers > 0 ? LAYER_ROW : ROW);
    if (height > this.#maxSize) {
      const most = this.#maxSize * width * 4 * Math.max(layers, 1);
      throw new UnsupportedError(
        `${what.dtype}${showShape(what.shape)} needs a texture of ${height} rows, and this device's limit, MAX_TEXTURE_SIZE, ` +
          `is ${this.#maxSize} (${most} elements): use smaller batches, or the backend 'wasm'`,
      );
    }
    const key = `${texels} ${width} ${height} ${layers}`;
    const list = this.#free.get(key);
    const found = list?.pop();
    if (list?.length === 0) this.#free.delete(key);
    const texture = found ?? this.#make(texels, width, height, layers, what);
    if (found) this.#pooled -= found.bytes;
    this.#inUse += texture.bytes;
    return texture;
  }

  give(texture: Texture): void {
    this.#inUse -= texture.bytes;
    this.#pooled += texture.bytes;
    const { texels, width, height, layers } = texture;
    const key = `${texels} ${width} ${height} ${layers}`;
    const list = this.#free.get(key) ?? [];
    list.push(texture);
    // The key that was used last goes to the end.
    this.#free.delete(key);
    this.#free.set(key, list);
    while (this.#pooled > this.#maxPooled) this.#dropOldest();
  }

  #dropOldest(): void {
    const [key, list] = this.#free.entries().next().value!;
    const texture = list.shift()!;
    if (list.length === 0) this.#free.delete(key);
    this.#pooled -= texture.bytes;
    this.#delete(texture);
  }

  #delete(texture: Texture): void {
    if (texture.framebuffer) this.#gl.deleteFramebuffer(texture.framebuffer);
    this.#gl.deleteTexture(texture.handle);
    this.#count--;
  }

  #make(texels: Texels, width: number, height: number, layers: number, what: TensorSpec): Texture {
    const gl = this.#gl;
    const { internal, bytes } = formatOf(gl, texels);
    const handle = gl.createTexture();
    const target = layers > 0 ? gl.TEXTURE_2D_ARRAY : gl.TEXTURE_2D;
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(target, handle);
    if (layers > 0) gl.texStorage3D(target, 1, internal, width, height, layers);
    else gl.texStorage2D(target, 1, internal, width, height);
    for (const filter of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER])
      gl.texParameteri(target, filter, gl.NEAREST);
    const size = bytes * width * height * Math.max(layers, 1);
    // Asking for errors waits for the graphics process, so only where memory may really be short.
    if (size >= 2 ** 24 && gl.getError() === gl.OUT_OF_MEMORY) {
      gl.deleteTexture(handle);
      throw new OutOfMemoryError(
        `no room on the graphics processor for ${what.dtype}${showShape(what.shape)} (${size} bytes); in use are ` +
          `${this.#inUse} bytes, kept for reuse ${this.#pooled}: free tensors, or use smaller batches`,
      );
    }
    this.#count++;
    return { texels, width, height, layers, bytes: size, handle, framebuffer: null };
  }

  /** Deletes all that is kept for reuse. */
  clear(): void {
    for (const list of this.#free.values()) for (const texture of list) this.#delete(texture);
    this.#free.clear();
    this.#pooled = 0;
  }

  /** Forgets a texture in use that goes with its context. */
  delete(texture: Texture): void {
    this.#inUse -= texture.bytes;
    this.#delete(texture);
  }
}
