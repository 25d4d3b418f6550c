import type { Operand, PoolAttrs, TensorSpec } from '@graftjs/core';
import { activation, window, type Triple } from '@graftjs/core/planning';
import type { GlBuffer } from './buffer.ts';
import { textureOf, type GlKernels, type Work } from './kernels.ts';
import { eachElement } from './movement.ts';
import { texelCount, type Texture } from './textures.ts';

/*
 * Pools, in either layout. With channels last and in fours, a texel is four channels at one position, and all four go
 * through the window together; otherwise each element goes through it on its own.
 */

/** Source that is the same for a texel of four channels and for one element. */
interface Form {
  readonly together: boolean;
  readonly vector: 'vec4' | 'float';
  readonly ivector: 'ivec4' | 'int';
}

interface Plan extends Form {
  readonly ints: Readonly<Record<string, number>>;
  readonly key: string;
  /** `n`, `c` and the position `pz`, `py`, `px` of element `e` of the input (`h`) or the output (`n`). */
  readonly place: (e: string, of: 'h' | 'o') => string;
  /** Element or texel of the input (`h`) or the output (`n`) at a place. */
  readonly at: (texture: string, of: 'h' | 'o', z: string, y: string, x: string) => string;
  /** `main` for an output like the input or the output. */
  readonly body: (output: TensorSpec) => string;
}

const triple = (name: string, [z, y, x]: Triple): Record<string, number> => ({
  [`${name}z`]: z,
  [`${name}y`]: y,
  [`${name}x`]: x,
});

function planOf(xShape: readonly number[], yShape: readonly number[], attrs: PoolAttrs): Plan {
  const input = activation(xShape, attrs.layout);
  const output = activation(yShape, attrs.layout);
  const w = window(attrs.kernel, attrs);
  const { channelsLast, channels } = input;
  const together = channelsLast && channels % 4 === 0;
  const ints = {
    channels,
    ...triple('h', input.extent),
    ...triple('o', output.extent),
    ...triple('k', w.kernel),
    ...triple('s', w.stride),
    ...triple('d', w.dilation),
    ...triple('b', w.before),
    ...triple('a', w.after),
  };
  return {
    together,
    vector: together ? 'vec4' : 'float',
    ivector: together ? 'ivec4' : 'int',
    ints,
    key: `${together} ${channelsLast}`,
    place: (e, of) =>
      channelsLast
        ? `int c = ${e} % channels;
  int q = ${e} / channels;
  int px = q % ${of}x;
  q /= ${of}x;
  int py = q % ${of}y;
  q /= ${of}y;
  int pz = q % ${of}z;
  int n = q / ${of}z;`
        : `int px = ${e} % ${of}x;
  int q = ${e} / ${of}x;
  int py = q % ${of}y;
  q /= ${of}y;
  int pz = q % ${of}z;
  q /= ${of}z;
  int c = q % channels;
  int n = q / channels;`,
    at(texture, of, z, y, x) {
      const position = `((${z}) * ${of}y + (${y})) * ${of}x + (${x})`;
      const index = channelsLast
        ? `(n * ${of}z * ${of}y * ${of}x + ${position}) * channels + c`
        : `(n * channels + c) * ${of}z * ${of}y * ${of}x + ${position}`;
      return together ? `${texture}_texel((${index}) >> 2)` : `${texture}_at(${index})`;
    },
    body: (spec) => (together ? '  y0 = pooled(t * 4);' : eachElement(spec, (e) => `pooled(${e})`)),
  };
}

/** `each` for every tap of the window of output (pz, py, px) that is inside the input, at (z, y, x). */
function overTaps(each: string): string {
  return `for (int u = 0; u < kz; u++) for (int v = 0; v < ky; v++) for (int w = 0; w < kx; w++) {
    int z = pz * sz - bz + u * dz;
    int y = py * sy - by + v * dy;
    int x = px * sx - bx + w * dx;
    if (uint(z) >= uint(hz) || uint(y) >= uint(hy) || uint(x) >= uint(hx)) continue;
    ${each}
  }`;
}

/** `each` for every output (z, y, x) that takes the input (pz, py, px) under tap (u, v, w). */
function overWindows(each: string): string {
  return `for (int u = 0; u < kz; u++) for (int v = 0; v < ky; v++) for (int w = 0; w < kx; w++) {
    int fz = pz + bz - u * dz;
    int fy = py + by - v * dy;
    int fx = px + bx - w * dx;
    if (fz < 0 || fy < 0 || fx < 0) continue;
    int z = fz / sz;
    int y = fy / sy;
    int x = fx / sx;
    if (z * sz != fz || y * sy != fy || x * sx != fx || z >= oz || y >= oy || x >= ox) continue;
    ${each}
  }`;
}

/** Taps of a window along an axis that count: inside the input, or inside the padded input. */
const COUNTS = `
int along(int p, int k, int s, int d, int b, int low, int high) {
  int count = 0;
  for (int t = 0; t < k; t++) {
    int at = p * s - b + t * d;
    if (at >= low && at < high) count++;
  }
  return count;
}
`;

function counts(includePad: boolean): string {
  const axis = (a: string): string =>
    `along(${a}, k${a}, s${a}, d${a}, b${a}, ${includePad ? `-b${a}, h${a} + a${a}` : `0, h${a}`})`;
  // The macros of the numbers have the axes' names in them: z, y, x are the arguments here.
  return `${COUNTS}
float divisor(int z, int y, int x) {
  return float(max(${['z', 'y', 'x'].map(axis).join(' * ')}, 1));
}
`;
}

/** Draws `pooled`, a function of the number of an output's element. */
function draw(
  { device }: Work,
  name: string,
  plan: Plan,
  inputs: readonly (readonly [string, Texture])[],
  functions: string,
  output: TensorSpec,
): Texture {
  const y = device.take(output);
  device.draw({
    key: `${name} ${plan.key}`,
    inputs,
    ints: plan.ints,
    functions,
    body: () => plan.body(output),
    outputs: [y],
    count: texelCount(output),
  });
  return y;
}

/** One by one where `v` is a vector: `line` with its components. */
function lanes({ together }: Form, line: (lane: string) => string): string {
  return together ? [...'xyzw'].map((k) => line(`.${k}`)).join('\n    ') : line('');
}

/** Which tap of each window has the first maximum (int32, like the output); −1 where none is inside. */
function winners(work: Work, plan: Plan, x: Operand<GlBuffer>, output: TensorSpec): Texture {
  return draw(
    work,
    'first maxima',
    plan,
    [['a', textureOf(x)]],
    `${plan.ivector} pooled(int e) {
  ${plan.place('e', 'o')}
  ${plan.ivector} found = ${plan.ivector}(-1);
  ${plan.vector} best = ${plan.vector}(0);
  ${overTaps(`${plan.vector} value = ${plan.at('a', 'h', 'z', 'y', 'x')};
    int tap = (u * ky + v) * kx + w;
    ${lanes(
      plan,
      (k) =>
        `if (found${k} < 0 || (!isnan(best${k}) && (isnan(value${k}) || value${k} > best${k}))) { best${k} = value${k}; found${k} = tap; }`,
    )}`)}
  return found;
}`,
    { dtype: 'int32', shape: output.shape },
  );
}

type Pool = 'maxPool' | 'maxPoolGrad' | 'avgPool' | 'avgPoolGrad';

export const pools: Pick<GlKernels, Pool> = {
  maxPool(work, [x], attrs, output) {
    const plan = planOf(x!.spec.shape, output.shape, attrs);
    return draw(
      work,
      'maxPool',
      plan,
      [['a', textureOf(x)]],
      `${plan.vector} pooled(int e) {
  ${plan.place('e', 'o')}
  ${plan.vector} best = ${plan.vector}(intBitsToFloat(int(0xff800000u)));
  ${overTaps(`${plan.vector} value = ${plan.at('a', 'h', 'z', 'y', 'x')};
    ${lanes(plan, (k) => `if (!isnan(best${k}) && (isnan(value${k}) || value${k} > best${k})) best${k} = value${k};`)}`)}
  return best;
}`,
      output,
    );
  },

  maxPoolGrad(work, [x, gy], attrs, output) {
    const plan = planOf(x!.spec.shape, gy!.spec.shape, attrs);
    const first = work.scratch(winners(work, plan, x!, gy!.spec));
    return draw(
      work,
      'maxPoolGrad',
      plan,
      [
        ['first', first],
        ['g', textureOf(gy)],
      ],
      `${plan.vector} pooled(int e) {
  ${plan.place('e', 'h')}
  ${plan.vector} sum = ${plan.vector}(0);
  ${overWindows(`${plan.ivector} winner = ${plan.at('first', 'o', 'z', 'y', 'x')};
    ${plan.vector} value = ${plan.at('g', 'o', 'z', 'y', 'x')};
    int tap = (u * ky + v) * kx + w;
    ${lanes(plan, (k) => `if (winner${k} == tap) sum${k} += value${k};`)}`)}
  return sum;
}`,
      output,
    );
  },

  avgPool(work, [x], attrs, output) {
    const plan = planOf(x!.spec.shape, output.shape, attrs);
    return draw(
      work,
      `avgPool ${attrs.countIncludePad}`,
      plan,
      [['a', textureOf(x)]],
      `${counts(attrs.countIncludePad)}
${plan.vector} pooled(int e) {
  ${plan.place('e', 'o')}
  ${plan.vector} sum = ${plan.vector}(0);
  ${overTaps(`sum += ${plan.at('a', 'h', 'z', 'y', 'x')};`)}
  return sum / divisor(pz, py, px);
}`,
      output,
    );
  },

  avgPoolGrad(work, [gy], attrs, output) {
    const plan = planOf(output.shape, gy!.spec.shape, attrs);
    return draw(
      work,
      `avgPoolGrad ${attrs.countIncludePad}`,
      plan,
      [['g', textureOf(gy)]],
      `${counts(attrs.countIncludePad)}
${plan.vector} pooled(int e) {
  ${plan.place('e', 'h')}
  ${plan.vector} sum = ${plan.vector}(0);
  ${overWindows(`sum += ${plan.at('g', 'o', 'z', 'y', 'x')} / divisor(z, y, x);`)}
  return sum;
}`,
      output,
    );
  },
};
