import { GraftError, type Preprocess, type Shape } from '@graftjs/core';
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

/** Shape of one input, without the batch axis: `[3, size, size]` or `[size, size, 3]`. */
export function inputShape(preprocess: Pick<Preprocess, 'size' | 'layout'>): Shape {
  const { size, layout } = preprocess;
  return layout === 'channels-first' ? [3, size, size] : [size, size, 3];
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

/** One picture as network input, of shape `inputShape(preprocess)`. See `inputWriter`. */
export function toInput(picture: Picture, preprocess: Preprocess): Float32Array {
  const out = new Float32Array(3 * preprocess.size * preprocess.size);
  inputWriter(preprocess)(picture, out);
  return out;
}

/** What most torchvision weights expect (224 pixels, ImageNet's mean and deviation); size and the rest can be replaced. */
export function imageNetPreprocess(changes: Partial<Preprocess> = {}): Preprocess {
  return {
    size: 224,
    fit: 'crop',
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
    layout: 'channels-first',
    ...changes,
  };
}

const FITS = ['squash', 'crop', 'pad'] as const;
const LAYOUTS = ['channels-first', 'channels-last'] as const;
const MAX_SIZE = 4096;

function problem(what: string): GraftError {
  return new GraftError(`preprocessing: ${what}`);
}

function triple(name: string, value: unknown): [number, number, number] {
  if (!Array.isArray(value) || value.length !== 3 || !value.every((v) => Number.isFinite(v))) {
    throw problem(`'${name}' must be three numbers (red, green, blue); got ${JSON.stringify(value)}`);
  }
  return [value[0], value[1], value[2]];
}

function oneOf<T extends string>(name: string, value: unknown, allowed: readonly T[]): T {
  const found = allowed.find((a) => a === value);
  if (found === undefined) {
    throw problem(`'${name}' must be ${allowed.join(', ')}; got ${JSON.stringify(value)}`);
  }
  return found;
}

/**
 * Checks what a model file or a settings file says; unknown keys are left out.
 * @param json the parsed value, or its text
 * @throws GraftError naming the field, its value and what it may be
 */
export function parsePreprocess(json: unknown): Preprocess {
  let value = json;
  if (typeof json === 'string') {
    try {
      value = JSON.parse(json);
    } catch {
      throw problem('not valid JSON');
    }
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw problem(`must be an object with size, fit, mean, std and layout; got ${JSON.stringify(value)}`);
  }
  const fields = value as Record<string, unknown>;
  const size = fields['size'];
  if (typeof size !== 'number' || !Number.isInteger(size) || size < 1 || size > MAX_SIZE) {
    throw problem(`'size' must be a whole number of pixels, 1 to ${MAX_SIZE}; got ${JSON.stringify(size)}`);
  }
  const std = triple('std', fields['std']);
  if (!std.every((v) => Math.fround(v) > 0)) throw problem(`'std' must be above 0; got [${std.join(', ')}]`);
  return {
    size,
    fit: oneOf('fit', fields['fit'], FITS),
    mean: triple('mean', fields['mean']),
    std,
    layout: oneOf('layout', fields['layout'], LAYOUTS),
  };
}
