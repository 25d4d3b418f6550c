import { GraftError } from './errors.ts';
import type { Layout } from './types.ts';

/** How a picture becomes the network's input; travels with the base and the trained model. */
export interface Preprocess {
  /** Height and width in pixels. */
  readonly size: number;
  /** `squash` scales both sides to `size`; `crop` scales the shorter side and cuts the centre; `pad` fits the longer and fills white. */
  readonly fit: 'squash' | 'crop' | 'pad';
  /** The network sees (value / 255 − mean) / std, per channel R, G, B. */
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
  readonly layout: Layout;
}

/**
 * Shape of one input, without the batch axis: `[3, size, size]` or `[size, size, 3]`.
 * @example
 * inputShape(imageNetPreprocess()); // → [3, 224, 224]
 */
export function inputShape(preprocess: Pick<Preprocess, 'size' | 'layout'>): number[] {
  const { size, layout } = preprocess;
  return layout === 'channels-first' ? [3, size, size] : [size, size, 3];
}

/**
 * What most torchvision weights expect (224 pixels, ImageNet's mean and deviation); size and the rest can be replaced.
 * Source: torchvision's `ImageClassification` preset.
 * @example
 * imageNetPreprocess({ size: 96 }).mean; // → [0.485, 0.456, 0.406]
 */
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
 * @example
 * const text = JSON.stringify(imageNetPreprocess()); // as in a settings file
 * parsePreprocess(text).size; // → 224
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
