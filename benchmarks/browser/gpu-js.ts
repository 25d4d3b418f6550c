/**
 * A convolution as kernels of gpu.js, which writes GLSL from JavaScript: the forms that are plausible, from one loop per
 * number to blocks of several positions and filters. Each is a contender of its own; docs/adr/0008 has the outcome.
 */
import type { Contender } from '../ops/contender.ts';
import { permuted, toFirst, toLast } from '../ops/data.ts';
import type { Task } from '../ops/task.ts';
import { convData, convSpecs, type ConvGeometry, type ConvWork } from '../ops/work.ts';
import { waiter } from './wait.ts';

/** What is used of gpu.js. */
interface Gpu {
  createKernel(source: string, settings: object): Kernel;
  createKernelMap(parts: Record<string, string>, source: string, settings: object): Kernel;
  destroy(): Promise<unknown>;
}
interface Kernel {
  (...args: unknown[]): unknown;
  readonly context: WebGL2RenderingContext;
}
interface Result {
  toArray(): Nested;
  delete(): void;
}
type Nested = ArrayLike<number> | readonly Nested[];

async function gpuJs(): Promise<{
  gpu: Gpu;
  input: (values: Float32Array, size: readonly number[]) => unknown;
}> {
  const module = (await import('gpu.js')) as unknown as { default?: object };
  const found = (module.default ?? module) as { GPU?: unknown };
  const GPU = (found.GPU ?? found) as (new (settings: { mode: string }) => Gpu) & {
    input: (values: Float32Array, size: readonly number[]) => unknown;
  };
  return { gpu: new GPU({ mode: 'webgl2' }), input: GPU.input };
}

/** A form: how it is compiled, and how it is called. */
interface Form {
  readonly name: string;
  /** Filters that a thread computes: 1, or 4 as a vector. */
  readonly filters: 1 | 4;
  /** Positions of a row that a thread computes; more than one as a kernel map. */
  readonly positions: number;
  /** Channels of the input in vectors of four. */
  readonly channels: 1 | 4;
  /** Four numbers of a scalar kernel to a texel. */
  readonly dense?: boolean;
  /** Every result a new texture. */
  readonly immutable?: boolean;
  /** The sizes come as arguments, so that one kernel serves all shapes. */
  readonly sizes?: boolean;
  /** The parts of a kernel map are brought together in one texture. */
  readonly joined?: boolean;
  /** The operands are arrays, which are sent with every call. */
  readonly arrays?: boolean;
}

const ONE = { filters: 1, positions: 1, channels: 1 } as const;
const FORMS: readonly Form[] = [
  { name: '1 filter, arrays sent with each call', ...ONE, arrays: true },
  { name: '1 filter, sizes as arguments', ...ONE, sizes: true },
  { name: '1 filter', ...ONE },
  { name: '1 filter, immutable', ...ONE, immutable: true },
  { name: '1 filter, optimizeFloatMemory', ...ONE, dense: true },
  { name: '4 filters', filters: 4, positions: 1, channels: 1 },
  { name: '4 filters, channels in fours', filters: 4, positions: 1, channels: 4 },
  { name: '2 positions × 4 filters', filters: 4, positions: 2, channels: 4 },
  { name: '4 positions × 4 filters', filters: 4, positions: 4, channels: 4 },
  { name: '7 positions × 4 filters', filters: 4, positions: 7, channels: 4 },
  { name: '7 positions × 4 filters, sizes as arguments', filters: 4, positions: 7, channels: 4, sizes: true },
  { name: '7 positions × 4 filters, joined', filters: 4, positions: 7, channels: 4, joined: true },
];

const indices = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/**
 * The source of the kernel: threads are [filters, positions of a row, rows]; weights are [tap][channel][filter]. A tap's
 * products are added up on their own and taken or not; what is read beyond the edge is the neighbour in the texture.
 */
function sourceOf({ filters, positions, channels, sizes }: Form, g: ConvGeometry): string {
  const [kernel] = g.kernel as [number];
  const [height, width] = g.size as [number, number];
  const n = sizes
    ? { kernel: 'kernel', height: 'height', width: 'width', channels: 'channels', pad: 'pad' }
    : { kernel, height, width, channels: g.channels / channels, pad: Math.floor(kernel / 2) };
  const sums = indices(positions).flatMap((i) => indices(filters).map((k) => ({ i, k, name: `${i}_${k}` })));
  const lines = (of: readonly string[]): string => of.join('\n');
  const product = ({ i, k, name }: (typeof sums)[number], q: number): string =>
    `t${name} += a${i}${channels === 4 ? `[${q}]` : ''} * w${q}${filters === 4 ? `[${k}]` : ''};`;
  const result = (i: number): string => {
    const of = sums.filter((s) => s.i === i).map(({ name }) => `s${name}`);
    return filters === 1 ? of[0]! : `[${of.join(', ')}]`;
  };
  return `function (x, w${sizes ? ', height, width, channels, kernel, pad' : ''}) {
${lines(sums.map(({ name }) => `let s${name} = 0;`))}
for (let ky = 0; ky < ${n.kernel}; ky++) {
  const iy = this.thread.z + ky - ${n.pad};
  if (iy >= 0 && iy < ${n.height}) {
    for (let kx = 0; kx < ${n.kernel}; kx++) {
      const ix = this.thread.y * ${positions} + kx - ${n.pad};
      const tap = ky * ${n.kernel} + kx;
${lines(sums.map(({ name }) => `let t${name} = 0;`))}
      for (let c = 0; c < ${n.channels}; c++) {
${lines(indices(positions).map((i) => `const a${i} = x[iy][ix + ${i}][c];`))}
${lines(
  indices(channels).map(
    (q) =>
      `const w${q} = w[tap][c${channels === 4 ? ` * 4 + ${q}` : ''}][this.thread.x];\n${lines(sums.map((s) => product(s, q)))}`,
  ),
)}
      }
${lines(
  indices(positions).map(
    (i) =>
      `if (ix + ${i} >= 0 && ix + ${i} < ${n.width}) {\n${lines(
        sums.filter((s) => s.i === i).map(({ name }) => `s${name} += t${name};`),
      )}\n}`,
  ),
)}
    }
  }
}
${lines(
  indices(positions)
    .slice(1)
    .map((i) => `part${i}(${result(i)});`),
)}
return ${result(0)};
}`;
}

/** Parts of a kernel map as one tensor: position p is in part p mod n. */
function joinSource(n: number): string {
  const parts = indices(n).map((i) => `p${i}`);
  const at = `[this.thread.z][q][this.thread.x]`;
  return `function (${parts.join(', ')}) {
  const q = Math.floor(this.thread.y / ${n});
  const r = this.thread.y - q * ${n};
  let v = p0${at};
${parts.map((p, i) => `  if (r === ${i}) v = ${p}${at};`).join('\n')}
  return [v[0], v[1], v[2], v[3]];
}`;
}

const HAND_ON = (i: number): string => `function part${i}(v) { return v; }`;

function flat(values: Nested): number[] {
  return typeof values[0] === 'number'
    ? Array.from(values as ArrayLike<number>)
    : (values as readonly Nested[]).flatMap(flat);
}

async function taskOf(form: Form, { geometry: g }: ConvWork): Promise<Task> {
  const { gpu, input } = await gpuJs();
  const { filters, positions, channels, dense = false, immutable = false, sizes, arrays, joined } = form;
  const [height, width] = g.size as [number, number];
  const taps = g.kernel.reduce((n, k) => n * k);
  const settings = { precision: 'single', pipeline: true, optimizeFloatMemory: dense };
  const first = convSpecs(g, 'channels-first');
  const data = convData(g);
  /** [z][y][x] as an argument: an array, or a texture of numbers or of vectors. */
  const operand = (values: Float32Array, [z, y, x]: [number, number, number], lanes: number): unknown => {
    const array = input(values, [x, y, z]);
    if (arrays) return array;
    const at = indices(4).map((k) => `v[this.thread.z][this.thread.y][this.thread.x * 4 + ${k}]`);
    const source =
      lanes === 4
        ? `function (v) { return [${at.join(', ')}]; }`
        : 'function (v) { return v[this.thread.z][this.thread.y][this.thread.x]; }';
    return gpu.createKernel(source, { ...settings, output: [x / lanes, y, z] })(array);
  };
  const x = operand(toLast(data.x, first.x.shape), [height, width, g.channels], channels);
  const weights = permuted(data.w, first.w.shape, [2, 3, 1, 0]);
  const w = operand(weights, [taps, g.channels, g.filters], filters);
  const output = [g.filters / filters, width / positions, height];
  const source = sourceOf(form, g);
  const more = indices(positions).slice(1);
  const kernel = more.length
    ? gpu.createKernelMap(Object.fromEntries(more.map((i) => [`part${i}`, HAND_ON(i)])), source, {
        ...settings,
        immutable,
        output,
      })
    : gpu.createKernel(source, { ...settings, immutable, output });
  const [k] = g.kernel as [number];
  const args = sizes ? [x, w, height, width, g.channels / channels, k, Math.floor(k / 2)] : [x, w];
  const join = joined
    ? gpu.createKernel(joinSource(positions), { ...settings, output: [output[0], width, height] })
    : null;
  const call = (): Result[] => {
    const result = kernel(...args) as Result & { result: Result };
    if (!more.length) return [result];
    const named = result as unknown as Record<string, Result>;
    const parts = [result.result, ...more.map((i) => named[`part${i}`]!)];
    return join ? [join(...parts) as Result] : parts;
  };
  const release = (parts: readonly Result[]): void => {
    if (immutable) for (const part of parts) part.delete();
  };
  const values = (): Float32Array => {
    const parts = call();
    const arrays = parts.map((part) => flat(part.toArray()));
    release(parts);
    // Part i has the positions i, i + positions, …
    const n = parts.length;
    const y = permuted(arrays.flat(), [n, height, width / n, g.filters], [1, 2, 0, 3]);
    return toFirst(y, [1, height, width, g.filters]);
  };
  values(); // compiles it
  const wait = waiter(kernel.context);
  return {
    run: () => release(call()),
    finish: wait,
    result: async () => values(),
    dispose: async () => void (await gpu.destroy()),
  };
}

/** Every form, for convolutions of one sample whose sizes they divide. */
export const gpuJsContenders: readonly Contender[] = FORMS.map((form) => ({
  name: `gpu.js: ${form.name}`,
  ours: false,
  parallel: true,
  async prepare(work) {
    if (work.kind !== 'conv' || work.pass !== 'forward') return '';
    const { batch, channels, filters, groups, stride, size, kernel } = work.geometry;
    const fits =
      batch * groups * stride === 1 &&
      size.length === 2 &&
      kernel[0] === kernel[1] &&
      channels % 4 === 0 &&
      filters % 4 === 0 &&
      size[1]! % form.positions === 0;
    return fits ? taskOf(form, work) : 'gpu.js: its kernels are written here for some convolutions only.';
  },
  dispose: async () => {},
}));
