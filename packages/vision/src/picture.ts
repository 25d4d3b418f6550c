import { GraftError } from '@graftjs/core';

/** A colour picture in memory: 8-bit sRGB, rows from the top, three bytes (R, G, B) a pixel. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  /** `height × width × 3` bytes. */
  readonly data: Uint8Array;
}

/** Colour used where a picture has no pixel. */
export const WHITE = 255;

/**
 * Wraps bytes as a picture, or makes a white one.
 * @throws GraftError if a side is not a positive integer or `data` has another length than width × height × 3.
 */
export function createPicture(width: number, height: number, data?: Uint8Array): Picture {
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1) {
    throw new GraftError(`a picture needs whole, positive sides; got ${width} × ${height}`);
  }
  const size = width * height * 3;
  if (data && data.length !== size) {
    throw new GraftError(
      `a ${width} × ${height} picture has ${size} bytes (three a pixel); got ${data.length}. Drop the alpha channel?`,
    );
  }
  return { width, height, data: data ?? new Uint8Array(size).fill(WHITE) };
}

/**
 * The pixels of a canvas (`ImageData`: four bytes a pixel), laid over white.
 * @throws GraftError where a side is not a whole, positive number
 * @example
 * fromRgba({ width: 1, height: 1, data: [200, 0, 0, 255] }).data; // → [200, 0, 0]
 */
export function fromRgba(image: { width: number; height: number; data: ArrayLike<number> }): Picture {
  const { width, height, data } = image;
  const out = createPicture(width, height);
  for (let i = 0, o = 0; o < out.data.length; i += 4, o += 3) {
    const alpha = data[i + 3]!;
    if (alpha === 255) {
      out.data[o] = data[i]!;
      out.data[o + 1] = data[i + 1]!;
      out.data[o + 2] = data[i + 2]!;
      continue;
    }
    for (let c = 0; c < 3; c++) {
      out.data[o + c] = ((data[i + c]! * alpha + WHITE * (255 - alpha)) / 255 + 0.5) | 0;
    }
  }
  return out;
}

/** Four bytes a pixel, opaque, as `new ImageData(toRgba(picture), picture.width)` of a canvas takes them. */
export function toRgba({ width, height, data }: Picture): Uint8ClampedArray<ArrayBuffer> {
  const out = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let i = 0, o = 0; i < data.length; i += 3, o += 4) {
    out[o] = data[i]!;
    out[o + 1] = data[i + 1]!;
    out[o + 2] = data[i + 2]!;
  }
  return out;
}

/** Rounds to the nearest byte (halves upwards) and clips to 0 … 255. */
export function toByte(value: number): number {
  return value <= 0 ? 0 : value >= 255 ? 255 : (value + 0.5) | 0;
}

/**
 * Cuts a rectangle out. What lies outside the picture becomes white.
 * @param left,top position of the rectangle's corner in pixels; may be negative
 * @throws GraftError where a side is not a whole, positive number
 */
export function crop(picture: Picture, left: number, top: number, width: number, height: number): Picture {
  const out = createPicture(width, height);
  const x0 = Math.max(0, left);
  const x1 = Math.min(picture.width, left + width);
  if (x1 <= x0) return out;
  for (let y = Math.max(0, top); y < Math.min(picture.height, top + height); y++) {
    const row = y * picture.width;
    out.data.set(picture.data.subarray((row + x0) * 3, (row + x1) * 3), ((y - top) * width + x0 - left) * 3);
  }
  return out;
}

/**
 * Mirrors left and right (`horizontal`) or top and bottom (`vertical`).
 * @throws GraftError where a side of the picture is not a whole, positive number
 * @example
 * flip(createPicture(2, 1, Uint8Array.of(1, 2, 3, 4, 5, 6))).data; // → [4, 5, 6, 1, 2, 3]
 */
export function flip(picture: Picture, direction: 'horizontal' | 'vertical' = 'horizontal'): Picture {
  const { width, height, data } = picture;
  const out = createPicture(width, height);
  for (let y = 0; y < height; y++) {
    if (direction === 'vertical') {
      out.data.set(data.subarray(y * width * 3, (y + 1) * width * 3), (height - 1 - y) * width * 3);
      continue;
    }
    for (let x = 0; x < width; x++) {
      const from = (y * width + x) * 3;
      const to = (y * width + width - 1 - x) * 3;
      out.data[to] = data[from]!;
      out.data[to + 1] = data[from + 1]!;
      out.data[to + 2] = data[from + 2]!;
    }
  }
  return out;
}
