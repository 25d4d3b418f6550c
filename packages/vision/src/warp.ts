import { float32 } from '@graftjs/core/backend';
import { createPicture, WHITE, type Picture } from './picture.ts';
import { resize } from './resize.ts';

/** An affine map about the middle: mirrored, then scaled, then turned, then moved. */
export interface Warp {
  /** Degrees clockwise. */
  readonly rotate?: number;
  /** Above 1 makes things larger. */
  readonly scale?: number;
  /** To the right and down, as shares of the result's width and height. */
  readonly translate?: readonly [x: number, y: number];
  readonly mirror?: { readonly horizontal?: boolean; readonly vertical?: boolean };
  /** What lies outside the picture: its nearest edge pixel, or white. Default `edge`. */
  readonly fill?: 'edge' | 'white';
}

/** Above this reduction, sampling four pixels skips some, so the picture is made smaller first. */
const ALIASING = 1.25;

/**
 * One affine warp with bilinear sampling: rotates, scales, moves and mirrors at once, so the picture is blurred once.
 * Coordinates in float64 with + − × ÷, sine and cosine from core: the same bits everywhere.
 * @param width,height of the result; default the picture's. Another size scales it, corner to corner
 * @throws GraftError where a side is not a whole, positive number
 */
export function warp(
  picture: Picture,
  map: Warp,
  width: number = picture.width,
  height: number = picture.height,
): Picture {
  const { rotate = 0, scale = 1, translate = [0, 0], mirror = {}, fill = 'edge' } = map;
  const reduction = Math.min(picture.width / width, picture.height / height) / scale;
  const source =
    reduction > ALIASING
      ? resize(
          picture,
          Math.max(1, Math.floor(picture.width / reduction + 0.5)),
          Math.max(1, Math.floor(picture.height / reduction + 0.5)),
        )
      : picture;
  const sin = float32.sinpi(rotate / 180) / scale;
  const cos = float32.cospi(rotate / 180) / scale;
  // Backwards, from a pixel of the result to the source: move back, turn back, scale back, mirror.
  const fx = ((mirror.horizontal ? -1 : 1) * source.width) / width;
  const fy = ((mirror.vertical ? -1 : 1) * source.height) / height;
  const cx = source.width / 2 - 0.5;
  const cy = source.height / 2 - 0.5;
  const out = createPicture(width, height);
  const sample = fill === 'edge' ? sampleEdge : sampleWhite;
  for (let y = 0, o = 0; y < height; y++) {
    const dy = y + 0.5 - height / 2 - translate[1] * height;
    for (let x = 0; x < width; x++, o += 3) {
      const dx = x + 0.5 - width / 2 - translate[0] * width;
      sample(source, cx + fx * (cos * dx + sin * dy), cy + fy * (cos * dy - sin * dx), out.data, o);
    }
  }
  return out;
}

type Sample = (p: Picture, x: number, y: number, into: Uint8Array, at: number) => void;

const sampleEdge: Sample = (p, x, y, into, at) => {
  const right = p.width - 1;
  const bottom = p.height - 1;
  const u = x < 0 ? 0 : x > right ? right : x;
  const v = y < 0 ? 0 : y > bottom ? bottom : y;
  const x0 = Math.floor(u);
  const y0 = Math.floor(v);
  const a = (y0 * p.width + x0) * 3;
  const b = x0 < right ? a + 3 : a;
  const down = y0 < bottom ? p.width * 3 : 0;
  mix(p.data, a, b, a + down, b + down, u - x0, v - y0, into, at);
};

const sampleWhite: Sample = (p, x, y, into, at) => {
  const x0 = Math.floor(x);
  const y0 = Math.floor(y);
  if (x0 >= 0 && y0 >= 0 && x0 < p.width - 1 && y0 < p.height - 1) {
    const a = (y0 * p.width + x0) * 3;
    const c = a + p.width * 3;
    mix(p.data, a, a + 3, c, c + 3, x - x0, y - y0, into, at);
    return;
  }
  const s = x - x0;
  const t = y - y0;
  for (let channel = 0; channel < 3; channel++) {
    const pixel = (i: number, j: number): number =>
      i < 0 || j < 0 || i >= p.width || j >= p.height ? WHITE : p.data[(j * p.width + i) * 3 + channel]!;
    const above = pixel(x0, y0) + (pixel(x0 + 1, y0) - pixel(x0, y0)) * s;
    const below = pixel(x0, y0 + 1) + (pixel(x0 + 1, y0 + 1) - pixel(x0, y0 + 1)) * s;
    into[at + channel] = (above + (below - above) * t + 0.5) | 0;
  }
};

/** The four pixels at a, b (above) and c, d (below), mixed with shares s (rightwards) and t (downwards), rounded. */
function mix(
  data: Uint8Array,
  a: number,
  b: number,
  c: number,
  d: number,
  s: number,
  t: number,
  into: Uint8Array,
  at: number,
): void {
  for (let channel = 0; channel < 3; channel++) {
    const above = data[a + channel]! + (data[b + channel]! - data[a + channel]!) * s;
    const below = data[c + channel]! + (data[d + channel]! - data[c + channel]!) * s;
    into[at + channel] = (above + (below - above) * t + 0.5) | 0;
  }
}
