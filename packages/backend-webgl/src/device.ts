import type { TensorSpec } from '@graftjs/core/backend';
import { formatOf, LAYER_ROW, ROW, type Gl } from './gl.ts';
import { Programs, type ProgramSource } from './programs.ts';
import { texelCount, texelsOf, TexturePool, type Texture } from './textures.ts';

/** One run of a program. */
export interface Draw extends Omit<ProgramSource, 'ints' | 'outputs' | 'layered'> {
  /** Numbers by their names in the source. */
  readonly ints: Readonly<Record<string, number>>;
  /** Textures that are written: one, several of one extent, or one texture array, all its layers. */
  readonly outputs: readonly Texture[];
  /** Texels to compute. */
  readonly count: number;
}

export interface DeviceOptions {
  readonly maxPrograms: number;
  readonly maxPooledBytes: number;
}

/** The float32 of these 32 bits, for `ints`; `intBitsToFloat` in the source. */
export function bitsOf(x: number): number {
  return new Int32Array(Float32Array.of(x).buffer)[0]!;
}

/** Textures and draws on a context; knows nothing of tensors but their extent. */
export class Device {
  readonly gl: Gl;
  readonly textures: TexturePool;
  readonly programs: Programs;
  /** For draws to several textures at once. */
  readonly #several: WebGLFramebuffer;
  /** Without attributes: those of others, whose buffers may be gone, are none of ours. */
  readonly #vertices: WebGLVertexArrayObject;

  constructor(gl: Gl, { maxPrograms, maxPooledBytes }: DeviceOptions) {
    this.gl = gl;
    this.textures = new TexturePool(gl, maxPooledBytes);
    this.programs = new Programs(gl, maxPrograms);
    this.#several = gl.createFramebuffer();
    this.#vertices = gl.createVertexArray();
    gl.bindVertexArray(this.#vertices);
    gl.enable(gl.SCISSOR_TEST);
    for (const test of [gl.BLEND, gl.DEPTH_TEST, gl.STENCIL_TEST, gl.CULL_FACE, gl.DITHER]) gl.disable(test);
  }

  /** A texture for a tensor. */
  take(spec: TensorSpec): Texture {
    return this.textures.take(texelsOf[spec.dtype], texelCount(spec), 0, spec);
  }

  /** A texture array for results on their way: `count` texels in each of `layers` layers. */
  takeLayers(count: number, layers: number, what: TensorSpec): Texture {
    return this.textures.take('float', count, layers, what);
  }

  draw({ ints, outputs, count, ...source }: Draw): void {
    const { gl } = this;
    const [first] = outputs as [Texture];
    const kinds = (first.layers > 0 ? new Array<Texture>(first.layers).fill(first) : outputs).map(
      ({ texels }) => (texels === 'float' ? ('vec4' as const) : ('ivec4' as const)),
    );
    const program = this.programs.get({
      ...source,
      ints: Object.keys(ints),
      outputs: kinds,
      layered: first.layers > 0,
    });
    gl.useProgram(program.handle);
    if (program.numbers !== null) {
      const values = Object.values(ints);
      const numbers = new Int32Array(4 * Math.ceil(values.length / 4));
      numbers.set(values);
      gl.uniform4iv(program.numbers, numbers);
    }
    source.inputs.forEach(([, { handle, layers }], unit) => {
      gl.activeTexture(gl.TEXTURE0 + unit);
      gl.bindTexture(layers > 0 ? gl.TEXTURE_2D_ARRAY : gl.TEXTURE_2D, handle);
    });
    this.#target(outputs);
    gl.viewport(0, 0, first.width, first.height);
    // What is left over in the last row is drawn on its own: an invocation may be dear.
    const row = first.layers > 0 ? LAYER_ROW : ROW;
    const rows = Math.floor(count / row);
    if (rows > 0) {
      gl.scissor(0, 0, row, rows);
      gl.drawArrays(gl.TRIANGLES, 0, 3);
    }
    if (count > rows * row) {
      gl.scissor(0, rows, count - rows * row, 1);
      gl.drawArrays(gl.TRIANGLES, 0, 3);
    }
  }

  #target(outputs: readonly Texture[]): void {
    const { gl } = this;
    if (outputs.length > 1) {
      gl.bindFramebuffer(gl.FRAMEBUFFER, this.#several);
      outputs.forEach(({ handle }, i) =>
        gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0 + i, gl.TEXTURE_2D, handle, 0),
      );
      // What an earlier draw attached beyond these would have to have the same extent.
      for (let i = outputs.length; i < 3; i++)
        gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0 + i, gl.TEXTURE_2D, null, 0);
      gl.drawBuffers(outputs.map((_, i) => gl.COLOR_ATTACHMENT0 + i));
    } else gl.bindFramebuffer(gl.FRAMEBUFFER, this.framebufferOf(outputs[0]!));
  }

  /** The framebuffer of a texture, made once. */
  framebufferOf(texture: Texture): WebGLFramebuffer {
    const { gl } = this;
    if (texture.framebuffer !== null) return texture.framebuffer;
    texture.framebuffer = gl.createFramebuffer();
    gl.bindFramebuffer(gl.FRAMEBUFFER, texture.framebuffer);
    if (texture.layers === 0) {
      gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture.handle, 0);
    } else {
      const points = Array.from({ length: texture.layers }, (_, i) => gl.COLOR_ATTACHMENT0 + i);
      points.forEach((point, i) => gl.framebufferTextureLayer(gl.FRAMEBUFFER, point, texture.handle, 0, i));
      gl.drawBuffers(points);
    }
    return texture.framebuffer;
  }

  /** Writes elements; `data` has the array type of the texels and at least as many elements as there are. */
  write(texture: Texture, data: Float32Array | Int32Array | Int8Array, size: number): void {
    const { gl } = this;
    const { format, type } = formatOf(gl, texture.texels);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, texture.handle);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    const whole = Math.floor(size / (4 * ROW));
    if (whole > 0) gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, ROW, whole, format, type, data);
    const rest = size - whole * 4 * ROW;
    if (rest === 0) return;
    const texels = Math.ceil(rest / 4);
    const last = new (data.constructor as Float32ArrayConstructor)(4 * texels);
    last.set(data.subarray(whole * 4 * ROW, size) as Float32Array);
    gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, whole, texels, 1, format, type, last);
  }

  dispose(): void {
    this.textures.clear();
    this.programs.clear();
    this.gl.deleteFramebuffer(this.#several);
    this.gl.deleteVertexArray(this.#vertices);
  }
}
