import {
  broadcastStrides,
  KernelError,
  type Operand,
  sizeOf,
  stridesOf,
  type TensorSpec,
} from '@graftjs/core/backend';
import type { GlBuffer } from './buffer.ts';
import { bitsOf } from './device.ts';
import { textureOf, vectorOf, type GlKernels, type Work } from './kernels.ts';
import { texelCount, texelsOf, type Texture } from './textures.ts';
import { coordinates, walkOver } from './walk.ts';

const COMPONENTS = [0, 1, 2, 3] as const;

/** Element `e` of the output is what `strides` and `offset` say. */
export function strided(
  { device }: Work,
  x: Texture,
  output: TensorSpec,
  strides: readonly number[],
  offset = 0,
): Texture {
  const y = device.take(output);
  const walk = walkOver(output.shape, [{ name: 'a', texture: x, strides, offset }]);
  device.draw({
    key: `copy ${walk.key}`,
    inputs: walk.inputs,
    ints: walk.ints,
    body: () => `${walk.body}\ny0 = a;`,
    outputs: [y],
    count: texelCount(output),
  });
  return y;
}

/** The four elements of a texel one by one: `value` is an expression of the element's number, `e`. */
export function eachElement(output: TensorSpec, value: (e: string) => string): string {
  const type = vectorOf(texelsOf[output.dtype]);
  return `y0 = ${type}(${COMPONENTS.map((k) => value(`t * 4 + ${k}`)).join(', ')});`;
}

/** `[outer, extent, inner]` around an axis. */
export function around(shape: readonly number[], axis: number): readonly [number, number, number] {
  return [sizeOf(shape.slice(0, axis)), shape[axis]!, sizeOf(shape.slice(axis + 1))];
}

type Movement = 'transpose' | 'slice' | 'pad' | 'concat' | 'broadcastTo' | 'gather' | 'scatterAdd';

export const movement: Pick<GlKernels, Movement> = {
  transpose(work, [x], { perm }, output) {
    const strides = stridesOf(x.spec.shape);
    return strided(
      work,
      textureOf(x),
      output,
      perm.map((p) => strides[p]!),
    );
  },

  slice(work, [x], { start, step }, output) {
    const strides = stridesOf(x.spec.shape);
    const offset = start.reduce((sum, s, axis) => sum + s * strides[axis]!, 0);
    return strided(
      work,
      textureOf(x),
      output,
      strides.map((s, axis) => s * step[axis]!),
      offset,
    );
  },

  broadcastTo: (work, [x], _, output) =>
    strided(work, textureOf(x), output, broadcastStrides(x.spec.shape, output.shape.length)),

  pad({ device }, [x], { before, interior, value }, output) {
    const y = device.take(output);
    const { shape } = x.spec;
    const strides = stridesOf(shape);
    const ints: Record<string, number> = {};
    output.shape.forEach((n, axis) => {
      ints[`n${axis}`] = n;
      ints[`m${axis}`] = shape[axis]!;
      ints[`b${axis}`] = before[axis]!;
      ints[`g${axis}`] = interior[axis]! + 1;
      ints[`s${axis}`] = strides[axis]!;
    });
    const float = output.dtype === 'float32';
    ints['outside'] = float ? bitsOf(value) : output.dtype === 'bool' ? Number(value !== 0) : value;
    const axes = shape.map((_, axis) => axis);
    device.draw({
      key: `pad ${shape.length} ${output.dtype}`,
      inputs: [['a', textureOf(x)]],
      ints,
      // Element e lies on an element of the input where each coordinate, counted from the first one, is a whole number of gaps.
      functions: `${float ? 'float' : 'int'} element(int e) {
${coordinates(shape.length, 'e')}
int i = 0;
bool inside = true;
${axes
  .map(
    (k) => `{
  int d = c${k} - b${k};
  int q = d / g${k};
  inside = inside && d >= 0 && q < m${k} && q * g${k} == d;
  i += q * s${k};
}`,
  )
  .join('\n')}
return inside ? a_at(i) : ${float ? 'intBitsToFloat(outside)' : 'outside'};
}`,
      body: () => eachElement(output, (e) => `element(${e})`),
      outputs: [y],
      count: texelCount(output),
    });
    return y;
  },

  concat(work, inputs, { axis }, output) {
    return concat(
      work,
      inputs.filter(({ spec }) => sizeOf(spec.shape) > 0).map(({ buffer, spec }) => [buffer.texture, spec]),
      axis,
      output,
    );
  },

  gather(work, [x, indices], { axis }, output) {
    const { device } = work;
    const [, extent, inner] = around(x.spec.shape, axis);
    checkIndices(work, 'gather', [x, indices], indices, extent);
    const y = device.take(output);
    device.draw({
      key: `gather ${output.dtype}`,
      inputs: [
        ['a', textureOf(x)],
        ['at', textureOf(indices)],
      ],
      ints: { extent, inner, count: sizeOf(indices.spec.shape) },
      functions: `${output.dtype === 'float32' ? 'float' : 'int'} element(int e) {
  int rest = divmod(e, inner);
  int k = divmod(e, count);
  return a_at((e * extent + clamp(at_at(k), 0, extent - 1)) * inner + rest);
}`,
      body: () => eachElement(output, (e) => `element(${e})`),
      outputs: [y],
      count: texelCount(output),
    });
    return y;
  },

  scatterAdd(work, [values, indices], { axis, size }, output) {
    const { device } = work;
    const [, count, inner] = around(values.spec.shape, axis);
    checkIndices(work, 'scatterAdd', [values, indices], indices, size);
    const y = device.take(output);
    const type = output.dtype === 'float32' ? 'float' : 'int';
    device.draw({
      key: `scatterAdd ${output.dtype}`,
      inputs: [
        ['a', textureOf(values)],
        ['at', textureOf(indices)],
      ],
      ints: { size, inner, count },
      // Each place looks through all indices: adding where they point to is not what a draw can do.
      functions: `${type} element(int e) {
  int rest = divmod(e, inner);
  int wanted = divmod(e, size);
  int from = e * count * inner + rest;
  ${type} sum = ${type}(0);
  for (int k = 0; k < count; k++) if (at_at(k) == wanted) sum += a_at(from + k * inner);
  return sum;
}`,
      body: () => eachElement(output, (e) => `element(${e})`),
      outputs: [y],
      count: texelCount(output),
    });
    return y;
  },
};

/** Textures that a draw may read; the specification promises 16. */
const MOST_INPUTS = 16;

/** Side by side along an axis; more than a draw can read are joined in groups first. */
function concat(
  work: Work,
  inputs: readonly (readonly [Texture, TensorSpec])[],
  axis: number,
  output: TensorSpec,
): Texture {
  if (inputs.length > MOST_INPUTS) {
    const groups: (readonly [Texture, TensorSpec])[] = [];
    for (let i = 0; i < inputs.length; i += MOST_INPUTS) {
      const group = inputs.slice(i, i + MOST_INPUTS);
      const extent = group.reduce((sum, [, { shape }]) => sum + shape[axis]!, 0);
      const spec = { dtype: output.dtype, shape: output.shape.with(axis, extent) };
      groups.push([work.scratch(concat(work, group, axis, spec)), spec]);
    }
    return concat(work, groups, axis, output);
  }
  const { device } = work;
  const y = device.take(output);
  const [, extent, inner] = around(output.shape, axis);
  const last = inputs.length - 1;
  const ints: Record<string, number> = { extent, inner };
  inputs.forEach(([, { shape }], i) => (ints[`m${i}`] = shape[axis]!));
  device.draw({
    key: `concat ${inputs.length} ${output.dtype}`,
    inputs: inputs.map(([texture], i) => [`x${i}`, texture]),
    ints,
    functions: `${output.dtype === 'float32' ? 'float' : 'int'} element(int e) {
  int rest = divmod(e, inner);
  int at = divmod(e, extent);
  int outer = e;
${inputs
  .slice(0, -1)
  .map((_, i) => `  if (at < m${i}) return x${i}_at((outer * m${i} + at) * inner + rest);\n  at -= m${i};`)
  .join('\n')}
  return x${last}_at((outer * m${last} + at) * inner + rest);
}`,
    body: () => eachElement(output, (e) => `element(${e})`),
    outputs: [y],
    count: texelCount(output),
  });
  return y;
}

/** Indices of uploaded tensors are looked at here; those that were computed, on the device, and the answer later. */
function checkIndices(
  work: Work,
  op: string,
  inputs: readonly Operand<GlBuffer>[],
  indices: Operand<GlBuffer>,
  extent: number,
): void {
  const count = sizeOf(indices.spec.shape);
  if (count === 0) return;
  const error = new KernelError(
    op,
    inputs.map(({ spec }) => spec),
    `an index is outside [0, ${extent})`,
  );
  const { range } = indices.buffer;
  if (range) {
    if (range[0] < 0 || range[1] >= extent) throw error;
    return;
  }
  const flag = work.device.take({ dtype: 'int32', shape: [1] });
  work.device.draw({
    key: 'indices outside',
    inputs: [['at', indices.buffer.texture]],
    ints: { count, extent },
    body: () => `  int outside = 0;
  for (int k = 0; k < count; k++) {
    int i = at_at(k);
    if (i < 0 || i >= extent) outside++;
  }
  y0 = ivec4(outside);`,
    outputs: [flag],
    count: 1,
  });
  work.expectZero(flag, error);
}
