import {
  activationGeometry,
  type Operand,
  type PoolAttrs,
  type TensorSpec,
  type Triple,
  windowGeometry,
} from '@graftjs/core/backend';
import type { GlBuffer } from './buffer.ts';
import { textureOf, vectorOf, type GlKernels, type Work } from './kernels.ts';
import { texelCount, type Texture } from './textures.ts';

/*
 * Pools, in either layout. `pooled(n, c, pz, py, px)` is the value of channel c of sample n at a position. With channels
 * last and in fours it is a texel of four channels, which go through the window together; with channels first and rows in
 * fours, four neighbours of a row share what leads to their place; otherwise each element is on its own.
 */
type Form = 'channels' | 'row' | 'single';

interface Plan {
  readonly form: (of: 'h' | 'o') => Form;
  readonly vector: 'vec4' | 'float';
  readonly ivector: 'ivec4' | 'int';
  readonly ints: Readonly<Record<string, number>>;
  readonly key: string;
  /** Element or texel of the input (`h`) or the output (`o`) at a place. */
  readonly at: (texture: string, of: 'h' | 'o', z: string, y: string, x: string) => string;
  /** `main` for an output like the input or the output. */
  readonly body: (of: 'h' | 'o', vector: 'vec4' | 'ivec4') => string;
}

const triple = (name: string, [z, y, x]: Triple): Record<string, number> => ({
  [`${name}z`]: z,
  [`${name}y`]: y,
  [`${name}x`]: x,
});

function planOf(xShape: readonly number[], yShape: readonly number[], attrs: PoolAttrs): Plan {
  const input = activationGeometry(xShape, attrs.layout);
  const output = activationGeometry(yShape, attrs.layout);
  const w = windowGeometry(attrs.kernel, attrs);
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
  const form = (of: 'h' | 'o'): Form => {
    if (together) return 'channels';
    return !channelsLast && (of === 'h' ? input : output).extent[2] % 4 === 0 ? 'row' : 'single';
  };
  const place = (e: string, of: 'h' | 'o'): string => {
    const axes = ['x', 'y', 'z'].map((axis) => `int p${axis} = divmod(n, ${of}${axis});`);
    const channel = 'int c = divmod(n, channels);';
    return [`int n = ${e};`, ...(channelsLast ? [channel, ...axes] : [...axes, channel])].join('\n  ');
  };
  return {
    form,
    vector: together ? 'vec4' : 'float',
    ivector: together ? 'ivec4' : 'int',
    ints,
    key: `${form('h')} ${form('o')} ${channelsLast}`,
    at(texture, of, z, y, x) {
      const position = `((${z}) * ${of}y + (${y})) * ${of}x + (${x})`;
      const index = channelsLast
        ? `(n * ${of}z * ${of}y * ${of}x + ${position}) * channels + c`
        : `(n * channels + c) * ${of}z * ${of}y * ${of}x + ${position}`;
      return together ? `${texture}_texel((${index}) >> 2)` : `${texture}_at(${index})`;
    },
    body(of, vector) {
      const value = (x: string): string => `pooled(n, c, pz, py, ${x})`;
      switch (form(of)) {
        case 'channels':
          return `  ${place('t * 4', of)}\n  y0 = ${value('px')};`;
        case 'row':
          return `  ${place('t * 4', of)}
  y0 = ${vector}(${['px', 'px + 1', 'px + 2', 'px + 3'].map(value).join(', ')});`;
        case 'single':
          return [...'xyzw']
            .map((k, i) => `  {\n  ${place(`t * 4 + ${i}`, of)}\n  y0.${k} = ${value('px')};\n  }`)
            .join('\n');
      }
    },
  };
}

/** `each` for every tap (u, v, w) of the window of output (pz, py, px) that is inside the input, at (z, y, x). */
function overTaps(each: string): string {
  return `for (int u = 0; u < kz; u++) for (int v = 0; v < ky; v++) for (int w = 0; w < kx; w++) {
    int z = pz * sz - bz + u * dz;
    int y = py * sy - by + v * dy;
    int x = px * sx - bx + w * dx;
    if (uint(z) >= uint(hz) || uint(y) >= uint(hy) || uint(x) >= uint(hx)) continue;
    ${each}
  }`;
}

/**
 * `each` for every output (z, y, x) that takes the input (pz, py, px), under tap (u, v, w). Along an axis these are outputs o
 * with p + before − o · stride = tap · dilation: from ⌈(p + before − (kernel − 1) · dilation) / stride⌉ to ⌊(p + before) / stride⌋.
 */
function overWindows(each: string): string {
  const axis = (z: string, u: string): string => `
  int low${z} = p${z} + b${z} - (k${z} - 1) * d${z};
  int last${z} = min((p${z} + b${z}) / s${z}, o${z} - 1);
  for (int ${z} = low${z} > 0 ? (low${z} + s${z} - 1) / s${z} : 0; ${z} <= last${z}; ${z}++) {
    int ${u} = p${z} + b${z} - ${z} * s${z};
    if (d${z} > 1 && divmod(${u}, d${z}) != 0) continue;`;
  return `${axis('z', 'u')}${axis('y', 'v')}${axis('x', 'w')}
    ${each}
  } } }`;
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

/** Draws `pooled` for all of an output that is like the input (`h`) or the output (`o`). */
function draw(
  { device }: Work,
  name: string,
  plan: Plan,
  of: 'h' | 'o',
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
    body: () => plan.body(of, vectorOf(y.texels)),
    outputs: [y],
    count: texelCount(output),
  });
  return y;
}

/** One by one where `v` is a vector: `line` with its components. */
function lanes({ vector }: Plan, line: (lane: string) => string): string {
  return vector === 'vec4' ? [...'xyzw'].map((k) => line(`.${k}`)).join('\n    ') : line('');
}

/** Which tap of each window has the first maximum (int32, like the output); −1 where none is inside. */
function winners(work: Work, plan: Plan, x: Operand<GlBuffer>, output: TensorSpec): Texture {
  return draw(
    work,
    'first maxima',
    plan,
    'o',
    [['a', textureOf(x)]],
    `${plan.ivector} pooled(int n, int c, int pz, int py, int px) {
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
    const plan = planOf(x.spec.shape, output.shape, attrs);
    return draw(
      work,
      'maxPool',
      plan,
      'o',
      [['a', textureOf(x)]],
      `${plan.vector} pooled(int n, int c, int pz, int py, int px) {
  ${plan.vector} best = ${plan.vector}(intBitsToFloat(int(0xff800000u)));
  ${overTaps(`${plan.vector} value = ${plan.at('a', 'h', 'z', 'y', 'x')};
    ${lanes(plan, (k) => `if (!isnan(best${k}) && (isnan(value${k}) || value${k} > best${k})) best${k} = value${k};`)}`)}
  return best;
}`,
      output,
    );
  },

  maxPoolGrad(work, [x, gy], attrs, output) {
    const plan = planOf(x.spec.shape, gy.spec.shape, attrs);
    const first = work.scratch(winners(work, plan, x, gy.spec));
    return draw(
      work,
      'maxPoolGrad',
      plan,
      'h',
      [
        ['first', first],
        ['g', textureOf(gy)],
      ],
      `${plan.vector} pooled(int n, int c, int pz, int py, int px) {
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
    const plan = planOf(x.spec.shape, output.shape, attrs);
    return draw(
      work,
      `avgPool ${attrs.countIncludePad}`,
      plan,
      'o',
      [['a', textureOf(x)]],
      `${counts(attrs.countIncludePad)}
${plan.vector} pooled(int n, int c, int pz, int py, int px) {
  ${plan.vector} sum = ${plan.vector}(0);
  ${overTaps(`sum += ${plan.at('a', 'h', 'z', 'y', 'x')};`)}
  return sum / divisor(pz, py, px);
}`,
      output,
    );
  },

  avgPoolGrad(work, [gy], attrs, output) {
    const plan = planOf(output.shape, gy.spec.shape, attrs);
    return draw(
      work,
      `avgPoolGrad ${attrs.countIncludePad}`,
      plan,
      'h',
      [['g', textureOf(gy)]],
      `${counts(attrs.countIncludePad)}
${plan.vector} pooled(int n, int c, int pz, int py, int px) {
  ${plan.vector} sum = ${plan.vector}(0);
  ${overWindows(`sum += ${plan.at('g', 'o', 'z', 'y', 'x')} / divisor(z, y, x);`)}
  return sum;
}`,
      output,
    );
  },
};
