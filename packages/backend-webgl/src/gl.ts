/// <reference lib="dom" />

/** The part of WebGL's interface that is used; a page's `WebGL2RenderingContext`, or one of the same kind in Node. */
export type Gl = WebGL2RenderingContext;

/** Texels in a row of a texture that has several. Every WebGL 2 takes as many (MAX_TEXTURE_SIZE ≥ 2048), and shifts find a place. */
export const ROW = 2048;
export const LOG_ROW = 11;

/**
 * The same for texture arrays, to which heavy kernels draw. Devices work on blocks of 2 × 2 texels, so a target of few long
 * rows wastes up to half of what is computed.
 */
export const LAYER_ROW = 256;
export const LOG_LAYER_ROW = 8;

/** What a texture's texels hold, four neighbours of a tensor each. */
export type Texels = 'float' | 'int' | 'byte';

/**
 * Formats that WebGL 2 can render to: float32 as RGBA32F (with EXT_color_buffer_float), int32 as RGBA32I, bool as RGBA8I.
 * `bytes` of one texel.
 */
export function formatOf(
  gl: Gl,
  texels: Texels,
): { readonly internal: number; readonly format: number; readonly type: number; readonly bytes: number } {
  switch (texels) {
    case 'float':
      return { internal: gl.RGBA32F, format: gl.RGBA, type: gl.FLOAT, bytes: 16 };
    case 'int':
      return { internal: gl.RGBA32I, format: gl.RGBA_INTEGER, type: gl.INT, bytes: 16 };
    case 'byte':
      return { internal: gl.RGBA8I, format: gl.RGBA_INTEGER, type: gl.BYTE, bytes: 4 };
  }
}
