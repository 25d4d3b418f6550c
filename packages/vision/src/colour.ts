import { createPicture, toByte, type Picture } from './picture.ts';

/** Factors and shifts; what is left out stays as it is. */
export interface ColourChange {
  /** Factor on all channels; 1 leaves them. */
  readonly brightness?: number;
  /** Factor on the distance from the picture's mean grey; 0 gives plain grey. */
  readonly contrast?: number;
  /** Factor on the distance from each pixel's grey; 0 gives a grey picture. */
  readonly saturation?: number;
  /** Turns of the colour wheel; 1/3 makes red green. */
  readonly hue?: number;
}

/** Luma as Pillow's `convert('L')` weighs it (ITU-R 601-2), in 16-bit fixed point; not rounded. */
function luma(r: number, g: number, b: number): number {
  return (r * 19595 + g * 38470 + b * 7471) / 65536;
}

const clip = (v: number): number => (v < 0 ? 0 : v > 255 ? 255 : v);

/** Hue turned by `turns` in HSV, in place in `rgb`: piecewise linear, so exact arithmetic only. */
function turnHue(rgb: Float64Array, turns: number): void {
  const r = rgb[0]!;
  const g = rgb[1]!;
  const b = rgb[2]!;
  const max = Math.max(r, g, b);
  const range = max - Math.min(r, g, b);
  if (range === 0) return;
  let sextant = max === r ? (g - b) / range : max === g ? 2 + (b - r) / range : 4 + (r - g) / range;
  sextant += 6 * turns;
  for (let c = 0; c < 3; c++) {
    // Each channel is a trapezium of the hue: at the top for two sextants, sloping for one on either side.
    const k = sextant + 5 - 2 * c;
    const t = k - 6 * Math.floor(k / 6);
    rgb[c] = max - range * Math.max(0, Math.min(t, 4 - t, 1));
  }
}

/**
 * Changes brightness, then contrast, then saturation, then hue, in float64, clipping after each and rounding once at the
 * end. As torchvision's `adjust_*` functions, which round after each.
 * @throws GraftError where a side of the picture is not a whole, positive number
 * @example
 * adjustColour(createPicture(1, 1, Uint8Array.of(100, 50, 0)), { brightness: 2 }).data; // → [200, 100, 0]
 */
export function adjustColour(picture: Picture, change: ColourChange): Picture {
  const { brightness = 1, contrast = 1, saturation = 1, hue = 0 } = change;
  if (brightness === 1 && contrast === 1 && saturation === 1 && hue === 0) return picture;
  const { width, height, data } = picture;
  const out = createPicture(width, height);
  let grey = 0;
  if (contrast !== 1) {
    for (let i = 0; i < data.length; i += 3) {
      grey += luma(
        clip(data[i]! * brightness),
        clip(data[i + 1]! * brightness),
        clip(data[i + 2]! * brightness),
      );
    }
    grey /= width * height;
  }
  const rgb = new Float64Array(3);
  for (let i = 0; i < data.length; i += 3) {
    for (let c = 0; c < 3; c++) {
      const lit = clip(data[i + c]! * brightness);
      rgb[c] = contrast === 1 ? lit : clip(grey + (lit - grey) * contrast);
    }
    if (saturation !== 1) {
      const l = luma(rgb[0]!, rgb[1]!, rgb[2]!);
      for (let c = 0; c < 3; c++) rgb[c] = clip(l + (rgb[c]! - l) * saturation);
    }
    if (hue !== 0) turnHue(rgb, hue);
    for (let c = 0; c < 3; c++) out.data[i + c] = toByte(rgb[c]!);
  }
  return out;
}

/**
 * Luma in all three channels, bit for bit Pillow's `convert('L')`.
 * @throws GraftError where a side of the picture is not a whole, positive number
 * @example
 * grayscale(createPicture(1, 1, Uint8Array.of(255, 0, 0))).data; // → [76, 76, 76]
 */
export function grayscale(picture: Picture): Picture {
  const { width, height, data } = picture;
  const out = createPicture(width, height);
  for (let i = 0; i < data.length; i += 3) {
    out.data.fill((data[i]! * 19595 + data[i + 1]! * 38470 + data[i + 2]! * 7471 + 0x8000) >> 16, i, i + 3);
  }
  return out;
}

/** The mean of each channel, rounded. */
export function meanColour(picture: Picture): [number, number, number] {
  const { data } = picture;
  const sums: [number, number, number] = [0, 0, 0];
  for (let i = 0; i < data.length; i += 3) {
    sums[0] += data[i]!;
    sums[1] += data[i + 1]!;
    sums[2] += data[i + 2]!;
  }
  const pixels = data.length / 3;
  return [toByte(sums[0] / pixels), toByte(sums[1] / pixels), toByte(sums[2] / pixels)];
}
