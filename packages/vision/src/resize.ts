import { GraftError } from '@graftjs/core';
import { createPicture, type Picture } from './picture.ts';

// Pillow's `Image.resize(size, Image.BILINEAR)`, to the bit: weights in float64 with + − × ÷ only, rounded to integers
// of 22 fractional bits, all sums in 32-bit integers. A network trained behind torchvision's `Resize` on PIL pictures
// therefore sees here what it saw there.
// Source: Pillow, src/libImaging/Resample.c.
const PRECISION = 22;

/** Weights of the output pixels `offset … offset + count − 1` of one axis. */
interface Taps {
  /** First input pixel and number of weights of each output pixel: `[start, length, start, length, …]`. */
  readonly bounds: Int32Array;
  /** `size` weights an output pixel, in units of 2⁻²². */
  readonly weights: Int32Array;
  readonly size: number;
}

/** A triangle as wide as one output pixel either side (at least one input pixel), centred on each output pixel. */
function tapsOf(from: number, to: number, offset: number, count: number): Taps {
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  const size = Math.ceil(stretch) * 2 + 1;
  const bounds = new Int32Array(count * 2);
  const weights = new Int32Array(count * size);
  const row = new Float64Array(size);
  for (let i = 0; i < count; i++) {
    const centre = (offset + i + 0.5) * scale;
    const start = Math.max(0, Math.trunc(centre - stretch + 0.5));
    const length = Math.min(from, Math.trunc(centre + stretch + 0.5)) - start;
    const perPixel = 1 / stretch;
    let sum = 0;
    for (let k = 0; k < length; k++) {
      const weight = Math.max(0, 1 - Math.abs((k + start - centre + 0.5) * perPixel));
      row[k] = weight;
      sum += weight;
    }
    for (let k = 0; k < length; k++) {
      weights[i * size + k] = Math.trunc(0.5 + (row[k]! / sum) * (1 << PRECISION));
    }
    bounds[2 * i] = start;
    bounds[2 * i + 1] = length;
  }
  return { bounds, weights, size };
}

const toClippedByte = (sum: number): number => {
  const value = sum >> PRECISION;
  return value < 0 ? 0 : value > 255 ? 255 : value;
};

/** `[rows of in] → [rows, count, 3]`, only rows `firstRow … firstRow + rows − 1`. */
function alongRows(picture: Picture, taps: Taps, firstRow: number, rows: number): Uint8Array {
  const { width, data } = picture;
  const { bounds, weights, size } = taps;
  const count = bounds.length / 2;
  const out = new Uint8Array(rows * count * 3);
  let o = 0;
  for (let y = firstRow; y < firstRow + rows; y++) {
    for (let i = 0; i < count; i++) {
      let r = 1 << (PRECISION - 1);
      let g = r;
      let b = r;
      let p = (y * width + bounds[2 * i]!) * 3;
      const end = i * size + bounds[2 * i + 1]!;
      for (let k = i * size; k < end; k++, p += 3) {
        const weight = weights[k]!;
        r = (r + data[p]! * weight) | 0;
        g = (g + data[p + 1]! * weight) | 0;
        b = (b + data[p + 2]! * weight) | 0;
      }
      out[o++] = toClippedByte(r);
      out[o++] = toClippedByte(g);
      out[o++] = toClippedByte(b);
    }
  }
  return out;
}

/** `[rows, width, 3] → [count, width, 3]`; `data` starts at input row `firstRow`. */
function alongColumns(data: Uint8Array, width: number, taps: Taps, firstRow: number): Uint8Array {
  const { bounds, weights, size } = taps;
  const count = bounds.length / 2;
  const stride = width * 3;
  const out = new Uint8Array(count * stride);
  const sums = new Int32Array(stride);
  for (let i = 0; i < count; i++) {
    sums.fill(1 << (PRECISION - 1));
    const start = bounds[2 * i]! - firstRow;
    for (let k = 0; k < bounds[2 * i + 1]!; k++) {
      const weight = weights[i * size + k]!;
      const row = (start + k) * stride;
      for (let x = 0; x < stride; x++) sums[x] = sums[x]! + data[row + x]! * weight;
    }
    for (let x = 0; x < stride; x++) out[i * stride + x] = toClippedByte(sums[x]!);
  }
  return out;
}

/** A rectangle of the resized picture, in its pixels. */
export interface CropBox {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/**
 * Antialiased bilinear resize: a triangle filter that widens with the reduction, so that no pixel is skipped.
 * Bit for bit Pillow's `resize((width, height), BILINEAR)`.
 * @param window makes only this rectangle of the result: the same pixels as resizing, then cropping, for less work
 * @throws GraftError if a side is not a positive integer or the window leaves the result
 */
export function resize(picture: Picture, width: number, height: number, window?: CropBox): Picture {
  const w = window ?? { left: 0, top: 0, width, height };
  if (![width, height, w.width, w.height].every((side) => Number.isInteger(side) && side > 0)) {
    throw new GraftError(`resize needs whole, positive sides; got ${width} × ${height}`);
  }
  if (w.left < 0 || w.top < 0 || w.left + w.width > width || w.top + w.height > height) {
    throw new GraftError(
      `the window ${w.width} × ${w.height} at (${w.left}, ${w.top}) leaves the ${width} × ${height} result`,
    );
  }
  if (width === picture.width && height === picture.height && !window) return picture;
  const vertical = tapsOf(picture.height, height, w.top, w.height);
  const firstRow = vertical.bounds[0]!;
  const lastRow = vertical.bounds.at(-2)! + vertical.bounds.at(-1)!;
  const rows = alongRows(
    picture,
    tapsOf(picture.width, width, w.left, w.width),
    firstRow,
    lastRow - firstRow,
  );
  return createPicture(w.width, w.height, alongColumns(rows, w.width, vertical, firstRow));
}
