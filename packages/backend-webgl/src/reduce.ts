import { type OpAttrs, sizeOf, type TensorSpec } from '@graftjs/core/backend';
import { textureOf, vectorOf, type GlKernels, type Work } from './kernels.ts';
import { eachElement } from './movement.ts';
import { texelCount, type Texture } from './textures.ts';

/**
 * Terms that one invocation goes through at most, and from how many on they are shared out. With few outputs a device
 * would be idle, and a loop of millions would make a driver think that it hangs.
 */
const CHUNK = 256;

type Kind = OpAttrs['reduce']['kind'];

/** How a kind joins what it has with the next value. NaN wins a maximum. */
const JOIN: Readonly<Record<'sum' | 'max', string>> = {
  sum: `float join(float a, float b) { return a + b; } vec4 join(vec4 a, vec4 b) { return a + b; }
int join(int a, int b) { return a + b; } ivec4 join(ivec4 a, ivec4 b) { return a + b; }`,
  max: `float join(float a, float b) { return isnan(a) ? a : isnan(b) ? b : max(a, b); }
vec4 join(vec4 a, vec4 b) { return vec4(join(a.x, b.x), join(a.y, b.y), join(a.z, b.z), join(a.w, b.w)); }
int join(int a, int b) { return max(a, b); } ivec4 join(ivec4 a, ivec4 b) { return max(a, b); }`,
};

const START = {
  sum: { float32: '0.0', int32: '0' },
  max: { float32: 'intBitsToFloat(int(0xff800000u))', int32: 'int(0x80000000u)' },
} as const;

/** A reduction of the middle axis: `[outer, extent, inner]` to `[outer, inner]`, in chunks first where it is long. */
function reduceMiddle(
  work: Work,
  kind: 'sum' | 'max',
  dtype: 'float32' | 'int32',
  x: Texture,
  [outer, extent, inner]: readonly [number, number, number],
): Texture {
  const chunks = Math.ceil(extent / CHUNK);
  const chunk = Math.ceil(extent / chunks);
  const { device } = work;
  const part: TensorSpec = { dtype, shape: [outer, chunks, inner] };
  const y = device.take(part);
  const start = START[kind][dtype];
  const vector = vectorOf(y.texels);
  // Neighbours in a texel: outputs side by side, or terms side by side, or neither.
  const form =
    inner % 4 === 0 ? 'outputs' : inner === 1 && extent % 4 === 0 && chunk % 4 === 0 ? 'terms' : 'single';
  const scalar = dtype === 'float32' ? 'float' : 'int';
  const place = (e: string): string => `
  int q = ${e};
  int rest = divmod(q, inner);
  int from = divmod(q, chunks) * chunk;
  int to = min(from + chunk, extent);
  int at = (q * extent + from) * inner + rest;`;
  device.draw({
    key: `${kind} ${form}`,
    inputs: [['x', x]],
    ints: { extent, inner, chunks, chunk },
    functions: `${JOIN[kind]}
${scalar} element(int e) {${place('e')}
  ${
    form === 'terms'
      ? `${vector} r = ${vector}(${start});
  for (int k = from; k < to; k += 4, at += 4) r = join(r, x_texel(at >> 2));
  return join(join(r.x, r.y), join(r.z, r.w));`
      : `${scalar} r = ${start};
  for (int k = from; k < to; k++, at += inner) r = join(r, x_at(at));
  return r;`
  }
}`,
    body: () =>
      form === 'outputs'
        ? `${place('t * 4')}
  ${vector} r = ${vector}(${start});
  for (int k = from; k < to; k++, at += inner) r = join(r, x_texel(at >> 2));
  y0 = r;`
        : eachElement(part, (e) => `element(${e})`),
    outputs: [y],
    count: texelCount(part),
  });
  if (chunks === 1) return y;
  return reduceMiddle(work, kind, dtype, work.scratch(y), [outer, chunks, inner]);
}

/**
 * Sum or maximum over any axes: runs of neighbouring reduced axes one after the other, the last first, so that each is the
 * middle of three.
 */
export function reduceAxes(
  work: Work,
  kind: 'sum' | 'max',
  dtype: 'float32' | 'int32',
  x: Texture,
  shape: readonly number[],
  axes: readonly number[],
): Texture {
  let rest = [...shape];
  let y = x;
  let end = rest.length;
  while (end > 0) {
    if (!axes.includes(end - 1)) {
      end--;
      continue;
    }
    let start = end - 1;
    while (start > 0 && axes.includes(start - 1)) start--;
    const middle = sizeOf(rest.slice(start, end));
    // Extents of 1 are gone without being looked at.
    if (middle > 1) {
      const before = y;
      y = reduceMiddle(work, kind, dtype, y, [sizeOf(rest.slice(0, start)), middle, sizeOf(rest.slice(end))]);
      if (before !== x) work.scratch(before);
    }
    rest = [...rest.slice(0, start), ...rest.slice(end)];
    end = start;
  }
  return y;
}

export const reductions: Pick<GlKernels, 'reduce' | 'argsort'> = {
  reduce(work, [x], { kind, axes }, output) {
    const { shape, dtype } = x.spec;
    if (kind === 'argmax') return argmax(work, textureOf(x), shape, axes[0]!, output);
    const y = reduceAxes(
      work,
      kind as Exclude<Kind, 'argmax'>,
      dtype as 'float32',
      textureOf(x),
      shape,
      axes,
    );
    return y === textureOf(x) ? copy(work, y, output) : y;
  },

  argsort(work, [x], { axis, descending }, output) {
    const extent = output.shape[axis]!;
    let y = positions(work, extent, sizeOf(output.shape.slice(axis + 1)), output);
    for (let width = 1; width < extent; width *= 2)
      y = merged(work, textureOf(x), work.scratch(y), width, axis, descending, output);
    return y;
  },
};

/** Where nothing is reduced: a texture belongs to one buffer. */
function copy({ device }: Work, x: Texture, output: TensorSpec): Texture {
  const y = device.take(output);
  device.draw({
    key: 'same',
    inputs: [['x', x]],
    ints: {},
    body: () => '  y0 = x_texel(t);',
    outputs: [y],
    count: texelCount(output),
  });
  return y;
}

/** 0, 1, … along an axis. */
function positions({ device }: Work, extent: number, inner: number, output: TensorSpec): Texture {
  const y = device.take(output);
  device.draw({
    key: 'positions',
    inputs: [],
    ints: { extent, inner },
    functions: `int element(int e) {
  divmod(e, inner);
  return divmod(e, extent);
}`,
    body: () => eachElement(output, (e) => `element(${e})`),
    outputs: [y],
    count: texelCount(output),
  });
  return y;
}

/**
 * Pairs of neighbouring sorted runs, of `width` elements each, become one. An element of the result finds by halving how many
 * of the first run come before it. (Green, McColl, Bader: GPU merge path, 2012, doi:10.1145/2304576.2304621)
 */
function merged(
  { device }: Work,
  x: Texture,
  order: Texture,
  width: number,
  axis: number,
  descending: boolean,
  output: TensorSpec,
): Texture {
  const y = device.take(output);
  device.draw({
    key: `merged ${x.texels}`,
    inputs: [
      ['x', x],
      ['p', order],
    ],
    ints: {
      extent: output.shape[axis]!,
      inner: sizeOf(output.shape.slice(axis + 1)),
      width,
      flip: descending ? -1 : 0,
    },
    // Whole numbers of the same order: those below 0 the other way round, −0 is +0, NaN above all.
    functions: `${
      x.texels === 'float'
        ? `int rank(float v) {
  int b = floatBitsToInt(v);
  return isnan(v) ? 0x7fffffff : b < 0 ? -(b & 0x7fffffff) : b;
}`
        : 'int rank(int v) { return v; }'
    }
int key(int start, int i) { return rank(x_at(start + p_at(start + i * inner) * inner)) ^ flip; }
int element(int e) {
  int rest = divmod(e, inner);
  int k = divmod(e, extent);
  int start = e * extent * inner + rest;
  int left = k - k % (2 * width);
  int right = min(left + width, extent);
  int n = min(width, extent - right);
  int before = k - left;
  int low = max(0, before - n);
  int high = min(before, right - left);
  while (low < high) {
    int i = (low + high) / 2;
    if (key(start, left + i) <= key(start, right + before - 1 - i)) low = i + 1;
    else high = i;
  }
  int i = left + low;
  int j = right + before - low;
  bool first = i < right && (j >= right + n || key(start, i) <= key(start, j));
  return p_at(start + (first ? i : j) * inner);
}`,
    body: () => eachElement(output, (e) => `element(${e})`),
    outputs: [y],
    count: texelCount(output),
  });
  return y;
}

/** The first of equal maxima; the first NaN, if there is one. */
function argmax(
  { device }: Work,
  x: Texture,
  shape: readonly number[],
  axis: number,
  output: TensorSpec,
): Texture {
  const y = device.take(output);
  const float = x.texels === 'float';
  device.draw({
    key: 'argmax',
    inputs: [['x', x]],
    ints: { extent: shape[axis]!, inner: sizeOf(shape.slice(axis + 1)) },
    functions: `int element(int e) {
  int rest = divmod(e, inner);
  int at = e * extent * inner + rest;
  ${float ? 'float' : 'int'} best = x_at(at);
  int found = 0;
  for (int k = 1; k < extent; k++) {
    at += inner;
    ${float ? 'float' : 'int'} v = x_at(at);
    if (${float ? '!isnan(best) && (isnan(v) || v > best)' : 'v > best'}) {
      best = v;
      found = k;
    }
  }
  return found;
}`,
    body: () => eachElement(output, (e) => `element(${e})`),
    outputs: [y],
    count: texelCount(output),
  });
  return y;
}
