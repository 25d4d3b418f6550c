import {
  type ConvProblem,
  type CorrelationRows,
  type FusedActivation,
  product,
  type TensorSpec,
  type Triple,
} from '@graftjs/core/backend';
import { ROW } from './gl.ts';
import type { Work } from './kernels.ts';
import type { Packed } from './pack.ts';
import { texelCount, type Texture } from './textures.ts';
import { eachElement } from './movement.ts';

/*
 * The one kernel of dense and depthwise convolutions, of their input gradients and of matrix products. Rows are
 * positions of the result, columns its channels. An invocation computes eight rows of four columns, so that a texel of
 * weights serves eight rows and a texel of the input four columns: 12 reads for 128 products of four channels. Reads are
 * what costs (docs/performance.md); eight is the number of texels that an invocation can write (MAX_DRAW_BUFFERS), each
 * to a layer of a texture array: row r lies in layer r mod 8. A second pass brings the rows into the tensor's order, and
 * does what follows the convolution.
 *
 * A tap outside the input adds nothing, whatever the weight: a tap's products are added up on their own, and then to the
 * row only if it is inside.
 */
export const LAYERS = 8;
const LOG_LAYERS = 3;

/** Rows and their terms. */
export interface Rows extends CorrelationRows {
  /** The result's groups come first, `[groups, positions, channels of a group]`, as a batch of matrices does. */
  readonly groupsFirst?: boolean;
}

export interface Kinds {
  readonly groups: number;
  readonly depthwise: boolean;
}

/** A convolution, direction aside; `depthwise` where each group has one channel in and one out: no sums over channels. */
export interface Problem extends ConvProblem, Kinds {}

/** What follows the sums in the same pass: · scale + shift per channel, then an activation. */
export interface Epilogue {
  readonly scale: Texture | null;
  readonly shift: Texture | null;
  readonly activation: FusedActivation;
}

const RANGE = Array.from({ length: LAYERS }, (_, i) => i);
const each = (line: (i: number) => string): string => RANGE.map(line).join('\n');

/** Does a whole number of runs of n texels fill a row, and is it a power of two? */
const dividesRow = (n: number): boolean => ROW % n === 0;
const roundUp = (n: number): number => Math.ceil(n / LAYERS) * LAYERS;

/** Products and sums of a correlation, then its rows in the order of `output`. */
export function correlate(
  work: Work,
  a: Packed,
  b: Packed,
  rows: Rows,
  { groups, depthwise }: Kinds,
  output: TensorSpec,
  epilogue?: Epilogue,
): Texture {
  const { device } = work;
  const { from, to, classes } = rows;
  const count: Triple = [0, 1, 2].map((i) => Math.ceil(to.extent[i]! / classes[i]!)) as unknown as Triple;
  const classRows = roundUp(to.batch * product(count));
  const blocks = (classRows / LAYERS) * product(classes);
  const columns = b.fours;
  const temporary = device.takeLayers(blocks * groups * columns, LAYERS, output);
  const single =
    product(rows.kernel) === 1 &&
    rows.tapStart.every((s) => s === 0) &&
    product(classes) === 1 &&
    rows.step.every((s) => s === 1) &&
    from.extent.every((n, i) => n === to.extent[i]);
  const plain = product(classes) === 1;
  const deep = to.extent[0] > 1 || from.extent[0] > 1 || rows.kernel[0] > 1;
  const fours = a.fours;
  const aligned = dividesRow(fours) && dividesRow(4 * columns);
  device.draw({
    key: `correlate ${single} ${plain} ${deep} ${depthwise} ${b.rows !== undefined} ${aligned}`,
    inputs: [
      ['a', a.texture],
      ['b', b.texture],
    ],
    ints: {
      columns,
      groups,
      fours,
      bRows: b.rows ?? 0,
      classRows,
      batch: to.batch,
      ...axes('n', count),
      ...axes('h', from.extent),
      ...axes('k', rows.kernel),
      ...axes('c', classes),
      ...axes('s', rows.step),
      ...axes('o', rows.tapStart),
      ...axes('d', rows.tapStep),
      ...axes('t', classes.map((c, i) => c / gcd(c, Math.abs(rows.tapStep[i]!))) as unknown as Triple),
    },
    body: () =>
      single
        ? singleBody(depthwise, b.rows !== undefined, aligned)
        : tapsBody(plain, deep, depthwise, aligned),
    outputs: [temporary],
    count: blocks * groups * columns,
  });
  const y = arrange(work, temporary, rows, { count, classRows, groups, columns }, output, epilogue);
  device.textures.give(temporary);
  return y;
}

const axes = (name: string, [z, y, x]: Triple): Record<string, number> => ({
  [`${name}z`]: z,
  [`${name}y`]: y,
  [`${name}x`]: x,
});

const PLACE = `
  int q = t;
  int j = divmod(q, columns);
  int g = divmod(q, groups);
  int row = q * ${LAYERS};
${each((i) => `  vec4 r${i} = vec4(0);`)}`;

const WRITE = each((i) => `  y${i} = r${i};`);

/**
 * Adds to `sums` the products of a run of each row's texels, from p0, p1, … on, and of weights, from `w_at` on. `aligned`: runs
 * of either do not go over the end of a texture's row (their lengths are powers of two), so the next texel is one unit to
 * the right, exactly.
 */
function multiply(sums: string, aligned: boolean): string {
  const products = (k: number): string => each((i) => `${sums}${i} += a${i}.${'xyzw'[k]!} * w;`);
  if (aligned) {
    return `${each((i) => `vec2 u${i} = a_place(p${i});`)}
vec2 next_a = vec2(a_unit.x, 0);
vec2 next_b = vec2(float(columns) * b_unit.x, 0);
for (int k = 0; k < fours; k++) {
vec4 w;
${each((i) => `vec4 a${i} = texture(a, u${i});\nu${i} += next_a;`)}
vec2 uw = b_place(w_at);
w_at += 4 * columns;
${[0, 1, 2, 3].map((k) => `w = texture(b, uw);\nuw += next_b;\n${products(k)}`).join('\n')}
}`;
  }
  return `for (int k = 0; k < fours; k++) {
vec4 w;
${each((i) => `vec4 a${i} = a_texel(p${i} + k);`)}
${[0, 1, 2, 3].map((k) => `w = b_texel(w_at);\nw_at += columns;\n${products(k)}`).join('\n')}
}`;
}

/** One tap that is never outside: a matrix product. */
function singleBody(depthwise: boolean, transposed: boolean, aligned: boolean): string {
  if (depthwise) {
    return `${PLACE}
  vec4 w = b_texel(j);
${each((i) => `  r${i} = a_texel((row + ${i}) * fours + j) * w;`)}
${WRITE}`;
  }
  const start = each((i) => `  int p${i} = ((row + ${i}) * groups + g) * fours;`);
  if (transposed) {
    return `${PLACE}
${start}
  int w_at = (g * bRows + j * 4) * fours;
  for (int k = 0; k < fours; k++) {
    vec4 w0 = b_texel(w_at + k);
    vec4 w1 = b_texel(w_at + k + fours);
    vec4 w2 = b_texel(w_at + k + 2 * fours);
    vec4 w3 = b_texel(w_at + k + 3 * fours);
    vec4 v;
${each(
  (i) => `    v = a_texel(p${i} + k);
    r${i} += vec4(dot(v, w0), dot(v, w1), dot(v, w2), dot(v, w3));`,
)}
  }
${WRITE}`;
  }
  return `${PLACE}
${start}
  int w_at = g * fours * 4 * columns + j;
${multiply('r', aligned)}
${WRITE}`;
}

/** `plain`: one class of rows. `deep`: there are three spatial axes; otherwise the first is left out. */
function tapsBody(plain: boolean, deep: boolean, depthwise: boolean, aligned: boolean): string {
  const inside = (i: number): string =>
    `uint(ay${i} + y) < uint(hy) && uint(ax${i} + x) < uint(hx)${deep ? ` && uint(az${i} + z) < uint(hz)` : ''}`;
  // Taps that reach rows of this class: from the first whose place is a whole number, every `t`-th. What is divided may be
  // negative, for which GLSL defines no remainder.
  const start = (axis: string): string =>
    plain
      ? `  const int first${axis} = 0;`
      : `  int first${axis} = k${axis};
  for (int i = t${axis} - 1; i >= 0; i--) {
    int q = f${axis} + o${axis} + i * d${axis} + 32768 * c${axis};
    if (divmod(q, c${axis}) == 0) first${axis} = i;
  }`;
  const loop = (axis: string, tap: string): string =>
    `for (int ${tap} = first${axis}; ${tap} < k${axis}; ${tap} += ${plain ? '1' : `t${axis}`}) {
    int ${axis} = ${plain ? `o${axis} + ${tap} * d${axis}` : `(f${axis} + o${axis} + ${tap} * d${axis} + 32768 * c${axis}) / c${axis} - 32768`};`;
  const tap = depthwise
    ? `      vec4 w = b_texel(tap * columns + j);
${each((i) => `      if (i${i}) r${i} += a_texel(p${i} * fours + j) * w;`)}`
    : `${each((i) => `      vec4 v${i} = vec4(0);\n      p${i} = (p${i} * groups + g) * fours;`)}
      int w_at = (g * kz * ky * kx + tap) * fours * 4 * columns + j;
${multiply('v', aligned)}
${each((i) => `      if (i${i}) r${i} += v${i};`)}`;
  return `${PLACE}
${
  plain
    ? ''
    : `  int class_ = row / classRows;
  row -= class_ * classRows;
  int fz = class_;
  int fx = divmod(fz, cx);
  int fy = divmod(fz, cy);`
}
  // The first row's place; the others follow in row-major order.
  int sample_ = row;
  int px = divmod(sample_, nx);
  int py = divmod(sample_, ny);
  int pz = divmod(sample_, nz);
${each(
  (i) => `  int ax${i} = px * sx;
  int ay${i} = sample_ < batch ? py * sy : -0x40000000;
  int at${i} = ((sample_ * hz + ${deep ? 'pz * sz' : '0'}) * hy + py * sy) * hx + ax${i};
${deep ? `  int az${i} = pz * sz;\n` : ''}${
    i === LAYERS - 1
      ? ''
      : `  if (++px == nx) {
    px = 0;
    if (++py == ny) {
      py = 0;
      if (++pz == nz) {
        pz = 0;
        sample_++;
      }
    }
  }`
  }`,
)}
${['z', 'y', 'x'].map(start).join('\n')}
  ${loop('z', 'u')}
  ${loop('y', 'v')}
  ${loop('x', 's')}
        int tap = (u * ky + v) * kx + s;
        int moved = (z * hy + y) * hx + x;
${each((i) => `        bool i${i} = ${inside(i)};\n        int p${i} = i${i} ? at${i} + moved : 0;`)}
${tap}
  } } }
${WRITE}`;
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

interface Grid {
  readonly count: Triple;
  readonly classRows: number;
  readonly groups: number;
  readonly columns: number;
}

/** The second pass: rows and columns to the tensor's elements. */
function arrange(
  { device }: Work,
  from: Texture,
  rows: Rows,
  { count, classRows, groups, columns }: Grid,
  output: TensorSpec,
  epilogue: Epilogue | undefined,
): Texture {
  const { to, classes } = rows;
  const y = device.take(output);
  const perGroup = to.channels / groups;
  const { groupsFirst = false } = rows;
  const together = to.channelsLast && perGroup % 4 === 0;
  const plain = product(classes) === 1;
  const { scale = null, shift = null, activation = 'none' } = epilogue ?? {};
  const positions = product(to.extent);
  // Neighbours in a texel: channels of one position, or positions of one channel, or neither.
  const form = together ? 'channels' : !to.channelsLast && positions % 4 === 0 ? 'positions' : 'single';
  // `c`, the place `p` and the sample `n` of element `e`.
  const place = groupsFirst
    ? `  int c = e;
  int at = divmod(c, perGroup);
  int p = divmod(c, positions);
  c = c * perGroup + at;
  const int n = 0;`
    : to.channelsLast
      ? `  int n = e;
  int c = divmod(n, channels);
  int p = divmod(n, positions);`
      : `  int n = e;
  int p = divmod(n, positions);
  int c = divmod(n, channels);`;
  const affine = (vector: boolean, value: string, channel: string): string => {
    const per = (name: string): string =>
      vector ? `${name}_texel((${channel}) >> 2)` : `${name}_at(${channel})`;
    const scaled = `${value}${scale ? ` * ${per('scale')}` : ''}${shift ? ` + ${per('shift')}` : ''}`;
    return activation === 'none' ? scaled : `act(${scaled})`;
  };
  device.draw({
    key: `arrange ${form} ${plain} ${to.channelsLast} ${groupsFirst} ${scale !== null} ${shift !== null} ${activation}`,
    inputs: [
      ['x', from],
      ...(scale ? [['scale', scale] as const] : []),
      ...(shift ? [['shift', shift] as const] : []),
    ],
    ints: {
      columns,
      groups,
      channels: to.channels,
      perGroup,
      positions,
      ...(plain ? {} : { classRows, ...axes('n', count), ...axes('e', to.extent), ...axes('c', classes) }),
    },
    functions: `${ACTIVATIONS[activation]}
// Four columns, from the j-th four on, of group g at position p of sample n.
vec4 texel(int n, int p, int g, int j) {
  ${
    plain
      ? 'int row = n * positions + p;'
      : `int px = divmod(p, ex);
  int py = divmod(p, ey);
  int fx = divmod(px, cx);
  int fy = divmod(py, cy);
  int fz = divmod(p, cz);
  // What is left of a position is its place in its class. (divmod leaves the quotient: px, py and p are that now.)
  int row = ((fz * cy + fy) * cx + fx) * classRows + ((n * nz + p) * ny + py) * nx + px;`
  }
  return x_texel(((row >> ${LOG_LAYERS}) * groups + g) * columns + j, row & ${LAYERS - 1});
}
float element(int n, int p, int c) {
  int g = c;
  int at = divmod(g, perGroup);
  return ${affine(false, 'pick(texel(n, p, g, at >> 2), at & 3)', 'c')};
}
${
  form === 'single'
    ? `float element(int e) {
${place}
  return element(n, p, c);
}`
    : ''
}`,
    body: () =>
      form === 'channels'
        ? `  int e = t * 4;
${place}
  int g = c;
  int j = divmod(g, perGroup) >> 2;
  y0 = ${affine(true, 'texel(n, p, g, j)', 'c')};`
        : form === 'positions'
          ? `  int e = t * 4;
${place}
  y0 = vec4(element(n, p, c), element(n, p + 1, c), element(n, p + 2, c), element(n, p + 3, c));`
          : eachElement(output, (e) => `element(${e})`),
    outputs: [y],
    count: texelCount(output),
  });
  return y;
}

/** relu6 is min(relu(x), 6). NaN stays. */
const ACTIVATIONS: Readonly<Record<FusedActivation, string>> = {
  none: '',
  relu: `float act(float x) { return isnan(x) || x > 0.0 ? x : 0.0; }
vec4 act(vec4 v) { return vec4(act(v.x), act(v.y), act(v.z), act(v.w)); }`,
  relu6: `float act(float x) { return isnan(x) ? x : clamp(x, 0.0, 6.0); }
vec4 act(vec4 v) { return vec4(act(v.x), act(v.y), act(v.z), act(v.w)); }`,
};
