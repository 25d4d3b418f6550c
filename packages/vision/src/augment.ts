import { GraftError, type Random } from '@graftjs/core';
import { unknownName } from '@graftjs/core/extend';
import { adjustColour, grayscale, meanColour } from './colour.ts';
import { flip as mirror, type Picture } from './picture.ts';
import { resize } from './resize.ts';
import { warp } from './warp.ts';

/** How far pictures may be changed at random. What is left out is not done. */
export interface Augmentation {
  /** Mirrors with probability ½: left and right, top and bottom, or each of both. */
  readonly flip?: 'none' | 'horizontal' | 'vertical' | 'both';
  /** Turns by up to so many degrees either way. */
  readonly rotate?: number;
  /** Scales by a factor between these two; above 1 zooms in. */
  readonly scale?: readonly [min: number, max: number];
  /** Moves by up to this share of the side, in each direction. */
  readonly translate?: number;
  /** What shows where the picture was moved away: its edge pixels drawn out, or white. Default `edge`. */
  readonly fill?: 'edge' | 'white';
  /** Multiplies the brightness by 1 ± up to this. */
  readonly brightness?: number;
  /** Multiplies the contrast by 1 ± up to this. */
  readonly contrast?: number;
  /** Multiplies the saturation by 1 ± up to this. */
  readonly saturation?: number;
  /** Turns the colour wheel by up to this share of a turn either way. */
  readonly hue?: number;
  /** Probability of a picture without colour. */
  readonly grayscale?: number;
  /** Side of a square, as a share of the shorter side, that is painted over with the mean colour (DeVries, Taylor 2017). */
  readonly cutout?: number;
}

/** Ready-made settings. `light` suits pictures taken alike, `standard` photographs of things. */
export const augmentations: Readonly<Record<'none' | 'light' | 'standard', Augmentation>> = {
  none: {},
  light: {
    flip: 'horizontal',
    rotate: 5,
    scale: [0.95, 1.1],
    translate: 0.04,
    brightness: 0.1,
    contrast: 0.1,
    saturation: 0.1,
  },
  standard: {
    flip: 'horizontal',
    rotate: 15,
    scale: [0.85, 1.2],
    translate: 0.08,
    brightness: 0.2,
    contrast: 0.2,
    saturation: 0.2,
    hue: 0.02,
  },
};

/** The largest value each amount may have. */
const LIMITS = {
  rotate: 180,
  translate: 1,
  brightness: 1,
  contrast: 1,
  saturation: 1,
  hue: 0.5,
  grayscale: 1,
  cutout: 1,
} as const;

const FLIPS = ['none', 'horizontal', 'vertical', 'both'];
const FILLS = ['edge', 'white'];

function problem(name: string, rule: string, value: unknown): GraftError {
  return new GraftError(`augmentation: '${name}' must be ${rule}; got ${JSON.stringify(value)}`);
}

/**
 * Checks an augmentation, or looks up a preset by name.
 * @throws NameError for an unknown preset or option, GraftError for a value out of range
 */
export function parseAugmentation(value: unknown): Augmentation {
  if (typeof value === 'string') {
    if (Object.hasOwn(augmentations, value)) return augmentations[value as keyof typeof augmentations];
    throw unknownName('augmentation', value, Object.keys(augmentations));
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new GraftError(
      `augmentation: must be an object or ${Object.keys(augmentations).join(', ')}; got ${JSON.stringify(value)}`,
    );
  }
  for (const [name, v] of Object.entries(value)) {
    if (v === undefined) continue;
    if (name === 'flip') {
      if (!FLIPS.includes(v as string)) throw problem(name, FLIPS.join(', '), v);
    } else if (name === 'fill') {
      if (!FILLS.includes(v as string)) throw problem(name, FILLS.join(', '), v);
    } else if (name === 'scale') {
      const ok = Array.isArray(v) && v.length === 2 && v[0] >= 0.1 && v[0] <= v[1] && v[1] <= 10;
      if (!ok) throw problem(name, 'two factors, [min, max], between 0.1 and 10', v);
    } else if (Object.hasOwn(LIMITS, name)) {
      const limit = LIMITS[name as keyof typeof LIMITS];
      if (typeof v !== 'number' || !(v >= 0 && v <= limit)) throw problem(name, `between 0 and ${limit}`, v);
    } else {
      throw unknownName('augmentation option', name, [...Object.keys(LIMITS), 'flip', 'fill', 'scale']);
    }
  }
  return value as Augmentation;
}

/** Whether it moves pixels to places between pixels. */
function resamples(a: Augmentation): boolean {
  return !!a.rotate || !!a.translate || (a.scale !== undefined && (a.scale[0] !== 1 || a.scale[1] !== 1));
}

/**
 * Side that a picture should have before it is augmented down to `size` pixels, so that zooming in finds detail. At most
 * twice the size, as it is kept in memory.
 */
export function detailSize(size: number, augmentation: Augmentation | undefined): number {
  const zoom = augmentation?.scale?.[1] ?? 1;
  return Math.ceil(size * Math.min(2, Math.max(1, zoom)));
}

/**
 * A random variant of a picture: one warp (mirror, scale, rotate, move), then brightness, contrast, saturation, hue,
 * grey, cutout. Always takes the same thirteen numbers from `random`, whatever is switched on, so that switching one change
 * on leaves the others as they were. The same bits on every platform.
 * @param random gives a sample's view v when it is `new Random(seed, 'augment/i/v')`
 * @param size side of the (then square) result; default the picture's own sides
 * @throws GraftError where `size` is not a whole, positive number
 * @example
 * const view = augmentPicture(createPicture(40, 30), augmentations.light, new Random(7, 'augment/0/1'), 32);
 * [view.width, view.height]; // → [32, 32]
 */
export function augmentPicture(
  picture: Picture,
  augmentation: Augmentation,
  random: Pick<Random, 'uniform'>,
  size?: number,
): Picture {
  const a = augmentation;
  const draw = Float64Array.from({ length: 13 }, () => random.uniform());
  /** Between −limit and limit. */
  const either = (i: number, limit = 0): number => (2 * draw[i]! - 1) * limit;
  const width = size ?? picture.width;
  const height = size ?? picture.height;

  const horizontal = (a.flip === 'horizontal' || a.flip === 'both') && draw[0]! < 0.5;
  const vertical = (a.flip === 'vertical' || a.flip === 'both') && draw[1]! < 0.5;
  let out: Picture;
  if (resamples(a)) {
    const [low, high] = a.scale ?? [1, 1];
    out = warp(
      picture,
      {
        mirror: { horizontal, vertical },
        rotate: either(2, a.rotate),
        scale: low + (high - low) * draw[3]!,
        translate: [either(4, a.translate), either(5, a.translate)],
        fill: a.fill ?? 'edge',
      },
      width,
      height,
    );
  } else {
    out = resize(picture, width, height);
    if (horizontal) out = mirror(out, 'horizontal');
    if (vertical) out = mirror(out, 'vertical');
  }
  out = adjustColour(out, {
    brightness: 1 + either(6, a.brightness),
    contrast: 1 + either(7, a.contrast),
    saturation: 1 + either(8, a.saturation),
    hue: either(9, a.hue),
  });
  if (draw[10]! < (a.grayscale ?? 0)) out = grayscale(out);
  if (a.cutout) {
    const side = Math.max(1, Math.floor(a.cutout * Math.min(width, height) + 0.5));
    out = erase(out, Math.floor(draw[11]! * width), Math.floor(draw[12]! * height), side, side);
  }
  return out;
}

/** Paints a rectangle about (x, y), as far as it lies inside, with the picture's mean colour. */
export function erase(picture: Picture, x: number, y: number, width: number, height: number): Picture {
  const out = { ...picture, data: picture.data.slice() };
  const colour = meanColour(picture);
  const left = x - (width >> 1);
  const top = y - (height >> 1);
  for (let j = Math.max(0, top); j < Math.min(picture.height, top + height); j++) {
    for (let i = Math.max(0, left); i < Math.min(picture.width, left + width); i++) {
      out.data.set(colour, (j * picture.width + i) * 3);
    }
  }
  return out;
}
