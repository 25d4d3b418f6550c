import { type Shape, type VectorOperand, vectorWalk } from '@graftjs/core/backend';
import { vectorOf } from './kernels.ts';
import type { Texture } from './textures.ts';

/** A tensor that is walked over in the output's order. */
export interface Walker extends VectorOperand {
  /** In the source: a vector of the four elements that belong to the output's texel. */
  readonly name: string;
  readonly texture: Texture;
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

/** The source that gets at the elements of an output's texel in each tensor, as `vectorWalk` plans it. */
export function walkOver(shape: Shape, walkers: readonly Walker[]): WalkSource {
  const walk = vectorWalk(shape, walkers);
  const { together } = walk;
  const rank = walk.shape.length;
  const ints: Record<string, number> = {};
  const lines: string[] = [];
  const later: string[][] = [[], [], [], []];
  walk.shape.forEach((n, axis) => (ints[`n${axis}`] = n));
  walk.operands.forEach(({ access, offset, strides }, i) => {
    const { name, texture } = walkers[i]!;
    const type = vectorOf(texture.texels);
    /** The element's place, from the coordinates of that name. */
    const place = (coordinate: string): string =>
      [`${name}_start`, ...strides.map((_, axis) => `${coordinate}${axis} * ${name}_s${axis}`)].join(' + ');
    ints[`${name}_start`] = offset;
    if (access === 'same') {
      lines.push(`${type} ${name} = ${name}_texel(t + (${name}_start >> 2));`);
      return;
    }
    if (access === 'constant') {
      lines.push(`${type} ${name} = ${type}(${name}_at(${name}_start));`);
      return;
    }
    strides.forEach((s, axis) => (ints[`${name}_s${axis}`] = s));
    if (access === 'scattered') {
      lines.push(`${type} ${name};`);
      for (const k of COMPONENTS) later[k]!.push(`${name}.${'xyzw'[k]!} = ${name}_at(${place(`d${k}_`)});`);
      return;
    }
    lines.push(`int ${name}_i = ${place('c')};`);
    if (access === 'vector') lines.push(`${type} ${name} = ${name}_texel(${name}_i >> 2);`);
    else if (access === 'repeated') lines.push(`${type} ${name} = ${type}(${name}_at(${name}_i));`);
    else {
      const at = COMPONENTS.map((k) => `${name}_at(${name}_i + ${k} * ${name}_s${rank - 1})`);
      lines.push(`${type} ${name} = ${type}(${at.join(', ')});`);
    }
  });
  const accesses = walk.operands.map(({ access }) => access);
  const needsPlace = accesses.some((access) => access !== 'same' && access !== 'constant');
  const before = needsPlace && together ? coordinates(rank, '(t * 4)') : '';
  const scattered = together
    ? ''
    : COMPONENTS.map((k) => `${coordinates(rank, `(t * 4 + ${k})`, `d${k}_`)}\n${later[k]!.join('\n')}`).join(
        '\n',
      );
  return {
    key: `${rank}${together ? '' : 's'}:${accesses.join()}`,
    inputs: walkers.map(({ name, texture }) => [name, texture]),
    ints,
    body: [before, ...lines, scattered].filter((line) => line !== '').join('\n'),
  };
}
