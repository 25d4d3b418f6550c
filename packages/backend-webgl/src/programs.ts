import { GraftError, LruCache } from '@graftjs/core/backend';
import { LAYER_ROW, LOG_LAYER_ROW, LOG_ROW, ROW, type Gl } from './gl.ts';
import type { Texture } from './textures.ts';

/** What a program is made of. Shapes are not in it: they come as numbers with each draw, so one program serves them all. */
export interface ProgramSource {
  /** Says all that the source depends on besides what is listed here; kernels with the same key share a program. */
  readonly key: string;
  /**
   * Names of the textures that are read. `x` gives `x_texel(i)` and, of a plain texture, `x_at(i)`, element i; for kernels
   * that work out neighbours' places themselves, `x_place(i)`, its coordinates for `texture`, and `x_unit`, their distance.
   * (Reading at the middle of a texel gives what `texelFetch` gives, in 0.7 of the time on SwiftShader.)
   */
  readonly inputs: readonly (readonly [name: string, texture: Texture])[];
  /** Names of the whole numbers that come with each draw. */
  readonly ints: readonly string[];
  /** Kinds of the outputs, `y0`, `y1`, … in the source. */
  readonly outputs: readonly ('vec4' | 'ivec4')[];
  /** They are the layers of a texture array. */
  readonly layered: boolean;
  /** Functions before `main`. */
  readonly functions?: string;
  /** Of `main`, in which `t` is the number of the texel that is computed. Sets all outputs. */
  readonly body: () => string;
}

export interface Program {
  readonly handle: WebGLProgram;
  readonly numbers: WebGLUniformLocation | null;
}

/** A triangle over all of the target; no buffers are needed. */
const VERTEX = `#version 300 es
void main() {
  gl_Position = vec4(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0, 0.0, 1.0);
}`;

/**
 * `pick`: element k of a vector; an index that is computed is slow on some devices. `divmod`: the last coordinate of a number
 * that counts in row-major order; what is left in `q` counts the axes before it. One division serves both: a device
 * without integer division (most) would do `/` and `%` one after the other. `place`: where texel i is.
 */
const COMMON = `
float pick(vec4 v, int k) { return (k & 2) == 0 ? ((k & 1) == 0 ? v.x : v.y) : ((k & 1) == 0 ? v.z : v.w); }
int pick(ivec4 v, int k) { return (k & 2) == 0 ? ((k & 1) == 0 ? v.x : v.y) : ((k & 1) == 0 ? v.z : v.w); }
int divmod(inout int q, int n) {
  int all = q;
  q = all / n;
  return all - q * n;
}
ivec2 place(int i) { return ivec2(i & ${ROW - 1}, i >> ${LOG_ROW}); }
ivec2 layerPlace(int i) { return ivec2(i & ${LAYER_ROW - 1}, i >> ${LOG_LAYER_ROW}); }
`;

function inputSource([name, { texels, layers }]: readonly [string, Texture]): string {
  const [prefix, scalar] = texels === 'float' ? ['', 'float'] : ['i', 'int'];
  if (layers > 0) {
    return `uniform highp ${prefix}sampler2DArray ${name};
${prefix}vec4 ${name}_texel(int i, int layer) { return texelFetch(${name}, ivec3(layerPlace(i), layer), 0); }
`;
  }
  return `uniform highp ${prefix}sampler2D ${name};
vec2 ${name}_unit;
vec2 ${name}_place(int i) { return (vec2(place(i)) + 0.5) * ${name}_unit; }
${prefix}vec4 ${name}_texel(int i) { return texture(${name}, ${name}_place(i)); }
${scalar} ${name}_at(int i) { return pick(${name}_texel(i >> 2), i & 3); }
`;
}

/** The size of a texel in coordinates from 0 to 1; before anything is read. */
function unitSource([name, { layers }]: readonly [string, Texture]): string {
  return layers > 0 ? '' : `  ${name}_unit = 1.0 / vec2(textureSize(${name}, 0));\n`;
}

function fragmentSource({ inputs, ints, outputs, layered, functions = '', body }: ProgramSource): string {
  const numbers = Math.ceil(ints.length / 4);
  return `#version 300 es
precision highp float;
precision highp int;
${COMMON}${numbers > 0 ? `uniform ivec4 numbers[${numbers}];\n` : ''}${ints
    .map((name, i) => `#define ${name} numbers[${i >> 2}].${'xyzw'[i & 3]}\n`)
    .join('')}${inputs.map(inputSource).join('')}${outputs
    .map((type, i) => `layout(location = ${i}) out highp ${type} y${i};\n`)
    .join('')}${functions}
void main() {
  int t = int(gl_FragCoord.y) * ${layered ? LAYER_ROW : ROW} + int(gl_FragCoord.x);
${inputs.map(unitSource).join('')}${body()}
}`;
}

/** Compiled programs, at most so many; the one that was used least recently goes first. */
export class Programs {
  readonly #gl: Gl;
  readonly #programs: LruCache<Program>;
  readonly #vertex: WebGLShader;

  constructor(gl: Gl, most: number) {
    this.#gl = gl;
    this.#programs = new LruCache({ entries: most, drop: ({ handle }) => gl.deleteProgram(handle) });
    this.#vertex = this.#compile(gl.VERTEX_SHADER, VERTEX);
  }

  get count(): number {
    return this.#programs.size;
  }

  get(source: ProgramSource): Program {
    const { key, inputs, outputs, layered } = source;
    const full = `${key} ${inputs.map(([, { texels, layers }]) => texels + (layers > 0 ? '*' : '')).join()} ${outputs.join()} ${layered}`;
    return this.#programs.getOrMake(full, () => this.#link(source));
  }

  #compile(type: number, source: string): WebGLShader {
    const gl = this.#gl;
    const shader = gl.createShader(type)!;
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    return shader;
  }

  #link(source: ProgramSource): Program {
    const gl = this.#gl;
    const text = fragmentSource(source);
    const fragment = this.#compile(gl.FRAGMENT_SHADER, text);
    const handle = gl.createProgram();
    gl.attachShader(handle, this.#vertex);
    gl.attachShader(handle, fragment);
    gl.linkProgram(handle);
    if (!gl.getProgramParameter(handle, gl.LINK_STATUS) && !gl.isContextLost()) {
      const log = gl.getShaderInfoLog(fragment) || gl.getProgramInfoLog(handle) || 'no reason given';
      throw new GraftError(
        `the device's compiler refuses the kernel '${source.key}': ${log.trim()}\n${text}`,
      );
    }
    gl.deleteShader(fragment);
    gl.useProgram(handle);
    source.inputs.forEach(([name], unit) => gl.uniform1i(gl.getUniformLocation(handle, name), unit));
    return { handle, numbers: gl.getUniformLocation(handle, 'numbers') };
  }

  clear(): void {
    this.#programs.clear();
    this.#gl.deleteShader(this.#vertex);
  }
}
