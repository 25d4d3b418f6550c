import type { Preprocess } from '@graftjs/core';
import { createPicture, WHITE, type Picture } from './picture.ts';
import { resize } from './resize.ts';

/** Python's `round`, which torchvision's centre crop uses: halves to the even neighbour. */
function roundHalfEven(value: number): number {
  const low = Math.floor(value);
  const rest = value - low;
  return rest < 0.5 || (rest === 0.5 && low % 2 === 0) ? low : low + 1;
}

/**
 * Makes the picture `size × size` as `preprocess.fit` says: `squash` scales both sides; `crop` scales the shorter side
 * and cuts the centre, as torchvision's `Resize(size)` and `CenterCrop(size)`; `pad` scales the longer side and fills
 * white, half on either side. A picture that is `size × size` already is returned as it is.
 * @throws GraftError where `size` is not a whole, positive number
 * @example
 * fitPicture(createPicture(640, 480), { size: 224, fit: 'crop' }).width; // → 224
 */
export function fitPicture(picture: Picture, preprocess: Pick<Preprocess, 'size' | 'fit'>): Picture {
  const { size, fit } = preprocess;
  const { width, height } = picture;
  if (width === size && height === size) return picture;
  if (fit === 'squash') return resize(picture, size, size);
  if (fit === 'crop') {
    const shorter = Math.min(width, height);
    const w = Math.trunc((size * width) / shorter);
    const h = Math.trunc((size * height) / shorter);
    const left = roundHalfEven((w - size) / 2);
    const top = roundHalfEven((h - size) / 2);
    return resize(picture, w, h, { left, top, width: size, height: size });
  }
  const longer = Math.max(width, height);
  const w = Math.max(1, roundHalfEven((size * width) / longer));
  const h = Math.max(1, roundHalfEven((size * height) / longer));
  return place(resize(picture, w, h), size);
}

/** The picture in the middle of a white square. */
function place(picture: Picture, size: number): Picture {
  const { width, height, data } = picture;
  const out = createPicture(size, size, new Uint8Array(size * size * 3).fill(WHITE));
  const left = (size - width) >> 1;
  const top = (size - height) >> 1;
  for (let y = 0; y < height; y++) {
    out.data.set(data.subarray(y * width * 3, (y + 1) * width * 3), ((top + y) * size + left) * 3);
  }
  return out;
}

/** The 256 values a byte can become, per channel, each operation rounded to float32 as in PyTorch. */
function tablesOf(preprocess: Pick<Preprocess, 'mean' | 'std'>): Float32Array[] {
  return preprocess.mean.map((mean, c) => {
    const m = Math.fround(mean);
    const s = Math.fround(preprocess.std[c]!);
    return Float32Array.from({ length: 256 }, (_, v) => Math.fround(Math.fround(v / 255) - m) / s);
  });
}

/**
 * Turns pictures into network inputs, again and again: `into.length = 3 × size × size` values at `offset`.
 * Value = (byte / 255 − mean) / std in float32; for squash and crop bit for bit what torchvision's
 * `Resize, CenterCrop, ToTensor, Normalize` make of the same pixels.
 * @throws GraftError, when called, where `size` is not a whole, positive number
 */
export function inputWriter(
  preprocess: Preprocess,
): (picture: Picture, into: Float32Array, offset?: number) => void {
  const [red, green, blue] = tablesOf(preprocess) as [Float32Array, Float32Array, Float32Array];
  const plane = preprocess.size * preprocess.size;
  const first = preprocess.layout === 'channels-first';
  const step = first ? 1 : 3;
  const channel = first ? plane : 1;
  return (picture, into, offset = 0) => {
    const { data } = fitPicture(picture, preprocess);
    for (let i = 0, p = 0, o = offset; i < plane; i++, p += 3, o += step) {
      into[o] = red[data[p]!]!;
      into[o + channel] = green[data[p + 1]!]!;
      into[o + 2 * channel] = blue[data[p + 2]!]!;
    }
  };
}

/**
 * One picture as network input, of shape `inputShape(preprocess)`. See `inputWriter`.
 * @throws GraftError where `size` is not a whole, positive number
 * @example
 * toInput(createPicture(640, 480), imageNetPreprocess()).length; // → 150528
 */
export function toInput(picture: Picture, preprocess: Preprocess): Float32Array {
  const out = new Float32Array(3 * preprocess.size * preprocess.size);
  inputWriter(preprocess)(picture, out);
  return out;
}
