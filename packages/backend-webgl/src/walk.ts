import { sizeOf, type Shape } from '@graftjs/core';
import { collapse, type Walk } from '@graftjs/core/planning';
import { vectorOf } from './kernels.ts';
import type { Texture } from './textures.ts';

/** A tensor that is walked over in the output's order. */
export interface Walker {
  /** In the source: a vector of the four elements that belong to the output's texel. */
  readonly name: string;
  readonly texture: Texture;
  /** Over the output's axes; 0 repeats. */
  readonly strides: readonly number[];
  readonly offset?: number;
}

/** Source and numbers of a walk. */
export interface WalkSource {
  readonly key: string;
  readonly inputs: readonly (readonly [string, Texture])[];
  readonly ints: Readonly<Record<string, number>>;
  readonly body: string;
}

/** `int c0 = …;` for each axis: the coordinates of element `e`. Extents are `n0`, `n1`, … */
export function coordinates(rank: number, e: string, prefix = 'c', extents = 'n'): string {
  if (rank === 0) return '';
  const lines = [`int ${prefix}0 = ${e};`];
  for (let axis = rank - 1; axis > 0; axis--)
    lines.push(`int ${prefix}${axis} = divmod(${prefix}0, ${extents}${axis});`);
  return lines.join('\n');
}

const COMPONENTS = [0, 1, 2, 3] as const;

/**
 * How to get at the elements of an output's texel in each tensor. Axes are merged where all tensors step through them
 * evenly. Where the innermost extent is a multiple of four, a texel's elements are neighbours in all tensors, and one
 * place is worked out for the four.
 */
export function walkOver(shape: Shape, walkers: readonly Walker[]): WalkSource {
  const walk: Walk = collapse({ shape, strides: walkers.map(({ strides }) => strides) });
  const rank = walk.shape.length;
  const inner = walk.shape.at(-1) ?? 1;
  const together = rank === 0 || inner % 4 === 0 || (rank === 1 && sizeOf(shape) > 0);
  const ints: Record<string, number> = {};
  const forms: string[] = [];
  const lines: string[] = [];
  const later: string[][] = [[], [], [], []];
  walk.shape.forEach((n, axis) => (ints[`n${axis}`] = n));
  walkers.forEach(({ name, texture, offset = 0 }, i) => {
    const type = vectorOf(texture.texels);
    const strides = walk.strides[i]!;
    const last = strides.at(-1) ?? 0;
    const even = offset % 4 === 0 && strides.slice(0, -1).every((s) => s % 4 === 0);
    const place = (axes: number): string =>
      [`${name}_start`, ...Array.from({ length: axes }, (_, axis) => `_${axis} * ${name}_s${axis}`)].join(
        ' + ',
      );
    ints[`${name}_start`] = offset;
    // rank 1: the only axis's coordinate is the element's number, even beyond the last one, which nobody reads.
    if (rank <= 1 && last === 1 && even) {
      forms.push('aligned');
      lines.push(`${type} ${name} = ${name}_texel(t + (${name}_start >> 2));`);
      return;
    }
    if (rank === 0 || (rank === 1 && last === 0)) {
      forms.push('one');
      lines.push(`${type} ${name} = ${type}(${name}_at(${name}_start));`);
      return;
    }
    strides.forEach((s, axis) => (ints[`${name}_s${axis}`] = s));
    if (together) {
      const from = place(rank).replaceAll(/_(\d+) \*/g, 'c$1 *');
      lines.push(`int ${name}_i = ${from};`);
      if (last === 1 && even) {
        forms.push('texel');
        lines.push(`${type} ${name} = ${name}_texel(${name}_i >> 2);`);
      } else if (last === 0) {
        forms.push('repeated');
        lines.push(`${type} ${name} = ${type}(${name}_at(${name}_i));`);
      } else {
        forms.push('strided');
        const at = COMPONENTS.map((k) => `${name}_at(${name}_i + ${k} * ${name}_s${rank - 1})`);
        lines.push(`${type} ${name} = ${type}(${at.join(', ')});`);
      }
      return;
    }
    forms.push('scattered');
    lines.push(`${type} ${name};`);
    for (const k of COMPONENTS) {
      const from = place(rank).replaceAll(/_(\d+) \*/g, `d${k}_$1 *`);
      later[k]!.push(`${name}.${'xyzw'[k]!} = ${name}_at(${from});`);
    }
  });
  const needsPlace = forms.some((form) => form !== 'aligned' && form !== 'one');
  const before = !needsPlace ? '' : together ? coordinates(rank, '(t * 4)') : '';
  const scattered = together
    ? ''
    : COMPONENTS.map((k) => `${coordinates(rank, `(t * 4 + ${k})`, `d${k}_`)}\n${later[k]!.join('\n')}`).join(
        '\n',
      );
  return {
    key: `${rank}${together ? '' : 's'}:${forms.join()}`,
    inputs: walkers.map(({ name, texture }) => [name, texture]),
    ints,
    body: [before, ...lines, scattered].filter((line) => line !== '').join('\n'),
  };
}
