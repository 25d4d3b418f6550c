import { createPicture, type Picture } from './picture.ts';

/** A picture with at least this many times the wanted pixels on its shorter side is reduced while it is decoded. */
const FROM = 8;
/** … to this many: enough that what `resize` does then hides how the first reduction was done. */
const TO = 4;

/** To which size a picture is reduced while it is decoded, if the network wants `size`; undefined: it is not. */
export function reducedSize(
  width: number,
  height: number,
  size: number,
): { width: number; height: number } | undefined {
  const shorter = Math.min(width, height);
  if (shorter < FROM * size) return undefined;
  const factor = (TO * size) / shorter;
  return { width: Math.round(width * factor), height: Math.round(height * factor) };
}

/**
 * Reduces a picture whose rows come strip by strip, so that it need never be in memory whole: each new pixel is the mean
 * of the area that it covers, of pixels that it covers in part their part. All in whole numbers below 2⁵³, so exact until it
 * is rounded, and the same everywhere.
 *
 * An old pixel is `toWidth` units wide and a new one `width` units, and likewise high: both tilings have whole borders.
 */
export class AreaReducer {
  readonly #out: Picture;
  /** Sums of the new row at hand, and how much of its height is still to come. */
  readonly #sums: Float64Array;
  readonly #row: Int32Array;
  #rest: number;
  #y = 0;

  constructor(
    readonly width: number,
    readonly height: number,
    readonly toWidth: number,
    readonly toHeight: number,
  ) {
    this.#out = createPicture(toWidth, toHeight);
    this.#sums = new Float64Array(toWidth * 3);
    this.#row = new Int32Array(toWidth * 3);
    this.#rest = height;
  }

  /** Takes the next rows: four bytes a pixel, of which the fourth is not looked at. */
  add(rgba: Uint8Array | Uint8ClampedArray): void {
    const { width, toHeight } = this;
    const rows = rgba.length / (4 * width);
    for (let y = 0; y < rows; y++) {
      this.#acrossRow(rgba, y * width * 4);
      const part = Math.min(toHeight, this.#rest);
      this.#down(part);
      this.#rest -= part;
      if (this.#rest > 0) continue;
      this.#finishRow();
      this.#rest = this.height - (toHeight - part);
      if (part < toHeight) this.#down(toHeight - part);
    }
  }

  /** The picture, once all rows were given. */
  finish(): Picture {
    return this.#out;
  }

  /** One old row to sums of one new row: at most 255 × width, 25 bits for the widest. */
  #acrossRow(rgba: Uint8Array | Uint8ClampedArray, from: number): void {
    const { width, toWidth } = this;
    const row = this.#row;
    // What the last pixel of a new one leaves to the next: three sums.
    let [r0, g0, b0] = [0, 0, 0];
    let p = from;
    for (let x = 0, o = 0; x < toWidth; x++, o += 3) {
      const border = (x + 1) * width;
      const last = from + 4 * (Math.ceil(border / toWidth) - 1);
      let [r, g, b] = [0, 0, 0];
      for (; p < last; p += 4) {
        r = (r + rgba[p]!) | 0;
        g = (g + rgba[p + 1]!) | 0;
        b = (b + rgba[p + 2]!) | 0;
      }
      const part = border - ((last - from) / 4) * toWidth;
      row[o] = r0 + r * toWidth + rgba[p]! * part;
      row[o + 1] = g0 + g * toWidth + rgba[p + 1]! * part;
      row[o + 2] = b0 + b * toWidth + rgba[p + 2]! * part;
      const more = toWidth - part;
      r0 = rgba[p]! * more;
      g0 = rgba[p + 1]! * more;
      b0 = rgba[p + 2]! * more;
      p += 4;
    }
  }

  #down(part: number): void {
    const row = this.#row;
    const sums = this.#sums;
    for (let i = 0; i < row.length; i++) sums[i] = sums[i]! + row[i]! * part;
  }

  #finishRow(): void {
    const area = this.width * this.height;
    const at = this.#y++ * this.#sums.length;
    for (let i = 0; i < this.#sums.length; i++)
      this.#out.data[at + i] = Math.floor(this.#sums[i]! / area + 0.5);
    this.#sums.fill(0);
  }
}
