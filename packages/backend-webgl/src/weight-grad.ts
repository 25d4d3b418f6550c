import { product, type TensorSpec } from '@graftjs/core/backend';
import { LAYERS, type Problem } from './correlate.ts';
import type { Work } from './kernels.ts';
import { eachElement } from './movement.ts';
import type { Packed } from './pack.ts';
import { texelCount, type Texture } from './textures.ts';

/** Positions that one invocation adds up, more or less; beyond, rows are shared out, and their sums added. */
const CHUNK = 512;
/** Invocations that keep a device busy: so many at least, where there are positions enough. */
const BUSY = 4096;
/** Fewer positions are not worth an invocation of their own. */
const LEAST = 32;

const RANGE = Array.from({ length: LAYERS }, (_, i) => i);
const each = (line: (i: number) => string): string => RANGE.map(line).join('\n');

/**
 * Weight gradients. An invocation has eight output channels, four input channels and a tap, and adds up the products of
 * some rows of positions: a texel of x and two of gy for 32 products. Which part of a row the tap finds inside the input is
 * worked out once a row. Output channel o lies in layer o mod 8. The second pass adds up what the runs of rows gave.
 */
export function weightGrad(work: Work, x: Packed, gy: Packed, p: Problem, output: TensorSpec): Texture {
  const { device } = work;
  const { input, output: out, window: w, depthwise } = p;
  const groups = depthwise ? 1 : p.groups;
  const taps = product(w.kernel);
  const positions = out.batch * product(out.extent);
  const eights = depthwise ? 1 : Math.ceil(gy.fours / 2);
  // Texels of gy two by two: an even one is never the last of a texture's row.
  const pairs = gy.fours % 2 === 0;
  const cells = groups * taps * eights * x.fours;
  const wanted = Math.max(positions / CHUNK, Math.min(BUSY / cells, positions / LEAST));
  const rows = positions / out.extent[2];
  const chunk = Math.ceil(rows / Math.max(Math.ceil(wanted), 1));
  const runs = Math.ceil(rows / chunk);
  const temporary = depthwise
    ? device.textures.take('float', runs * cells, 0, output)
    : device.takeLayers(runs * cells, LAYERS, output);
  const [sz, sy, sx] = w.stride;
  const [dz, dy, dx] = w.dilation;
  const [bz, by, bx] = w.before;
  const [hz, hy, hx] = input.extent;
  const [nz, ny, nx] = out.extent;
  device.draw({
    key: `weight gradient ${depthwise} ${pairs}`,
    inputs: [
      ['x', x.texture],
      ['g', gy.texture],
    ],
    ints: {
      fours: x.fours,
      outFours: gy.fours,
      eights,
      groups,
      taps,
      rows,
      chunk,
      ky: w.kernel[1],
      kx: w.kernel[2],
      ...{ sz, sy, sx, dz, dy, dx, bz, by, bx, hz, hy, hx, nz, ny, nx },
    },
    body: () => `  int q = t;
  int c = divmod(q, fours);
  int o = divmod(q, eights);
  int tap = divmod(q, taps);
  int group = divmod(q, groups);
  int from = q * chunk;
  int to = min(from + chunk, rows);
  int oz = tap;
  int ox = divmod(oz, kx) * dx - bx;
  int oy = divmod(oz, ky) * dy - by;
  oz = oz * dz - bz;
  // From the first x with x · sx + ox ≥ 0 to the last with x · sx + ox < hx.
  int first = ox < 0 ? (sx - 1 - ox) / sx : 0;
  int last = ox < hx ? min((hx - 1 - ox) / sx, nx - 1) : -1;
  int s = from;
  int py = divmod(s, ny);
  int pz = divmod(s, nz);
${depthwise ? '  vec4 r0 = vec4(0);' : each((i) => `  vec4 r${i} = vec4(0);`)}
  for (int row = from; row < to; row++) {
    int z = pz * sz + oz;
    int y = py * sy + oy;
    if (uint(z) < uint(hz) && uint(y) < uint(hy)) {
      int x_index = ((((s * hz + z) * hy + y) * hx + first * sx + ox) * groups + group) * fours + c;
      int g_index = ((row * nx + first) * groups + group) * outFours + ${depthwise ? 'c' : 'o * 2'};
      for (int k = first; k <= last; k++) {
        vec4 v = x_texel(x_index);
${
  depthwise
    ? '        r0 += g_texel(g_index) * v;'
    : `        vec2 at = g_place(g_index);
        vec4 g0 = texture(g, at);
        vec4 g1 = ${pairs ? 'texture(g, at + vec2(g_unit.x, 0))' : 'g_texel(g_index + 1)'};
${each((i) => `        r${i} += g${i >> 2}.${'xyzw'[i & 3]!} * v;`)}`
}
        x_index += sx * groups * fours;
        g_index += groups * outFours;
      }
    }
    if (++py == ny) {
      py = 0;
      if (++pz == nz) {
        pz = 0;
        s++;
      }
    }
  }
${depthwise ? '  y0 = r0;' : each((i) => `  y${i} = r${i};`)}`,
    outputs: [temporary],
    count: runs * cells,
  });
  const y = device.take(output);
  const layer = depthwise ? '' : `, o & ${LAYERS - 1}`;
  device.draw({
    key: `weight gradient's sum ${depthwise}`,
    inputs: [['x', temporary]],
    ints: {
      fours: x.fours,
      eights,
      taps,
      runs,
      cells,
      perGroup: output.shape[1]!,
      outPerGroup: out.channels / p.groups,
    },
    functions: `float element(int e) {
  int o = e;
  int tap = divmod(o, taps);
  int c = divmod(o, perGroup);
${
  depthwise
    ? `  c = o;
  int at = tap * fours + (c >> 2);`
    : `  int group = o / outPerGroup;
  o -= group * outPerGroup;
  int at = ((group * taps + tap) * eights + (o >> 3)) * fours + (c >> 2);`
}
  float sum = 0.0;
  for (int k = 0; k < runs; k++, at += cells) sum += pick(x_texel(at${layer}), c & 3);
  return sum;
}`,
    body: () => eachElement(output, (e) => `element(${e})`),
    outputs: [y],
    count: texelCount(output),
  });
  device.textures.give(temporary);
  return y;
}
