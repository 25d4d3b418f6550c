import {
  ARRAYS,
  averageDivisors,
  type Backend,
  type BinaryKind,
  broadcastStrides,
  type CompareKind,
  converted,
  convertInto,
  convProblem,
  type ElementArray,
  fillOfEmptyInputs,
  float32,
  forwardGrid,
  type Grid,
  activationGeometry,
  inputGradGrids,
  KernelError,
  type Kernels,
  offsetsOf,
  type Operand,
  type PoolAttrs,
  reducePlan,
  relieve,
  type Shape,
  sizeOf,
  stridesOf,
  type TensorSpec,
  type UnaryKind,
  windowGeometry,
} from '@graftjs/core/backend';

/** Sums run in float64 and are rounded once, when they are stored. */
type Buffer = ElementArray;
type Input = Operand<Buffer>;

function fill({ dtype, shape }: TensorSpec, value: (i: number) => number): Buffer {
  const y = new ARRAYS[dtype](sizeOf(shape));
  for (let i = 0; i < y.length; i++) y[i] = value(i);
  return y;
}

function roundHalfEven(x: number): number {
  const r = Math.round(x);
  return Math.abs(x % 1) === 0.5 && r % 2 !== 0 ? r - 1 : r;
}

const UNARY: Readonly<Record<UnaryKind, (x: number) => number>> = {
  neg: (x) => -x,
  abs: Math.abs,
  sign: Math.sign,
  floor: Math.floor,
  ceil: Math.ceil,
  round: roundHalfEven,
  sqrt: Math.sqrt,
  rsqrt: (x) => 1 / Math.sqrt(x),
  reciprocal: (x) => 1 / x,
  exp: float32.exp,
  expm1: float32.expm1,
  log: float32.log,
  log1p: float32.log1p,
  tanh: float32.tanh,
  erf: float32.erf,
  sigmoid: float32.sigmoid,
  relu: (x) => Math.max(x, 0),
  not: (x) => 1 - x,
};

const BINARY: Readonly<Record<BinaryKind, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  pow: float32.pow,
  max: Math.max,
  min: Math.min,
};

const COMPARE: Readonly<Record<CompareKind, (a: number, b: number) => boolean>> = {
  equal: (a, b) => a === b,
  notEqual: (a, b) => a !== b,
  less: (a, b) => a < b,
  lessEqual: (a, b) => a <= b,
  greater: (a, b) => a > b,
  greaterEqual: (a, b) => a >= b,
};

/** For each element of `to`, the one of `from` that broadcasting puts there. */
const broadcast = (from: Shape, to: Shape): Int32Array => offsetsOf(to, broadcastStrides(from, to.length));

function pairs([a, b]: readonly [Input, Input], y: TensorSpec, f: (a: number, b: number) => number): Buffer {
  const [i, j] = [broadcast(a.spec.shape, y.shape), broadcast(b.spec.shape, y.shape)];
  return fill(y, (k) => f(a.buffer[i[k]!]!, b.buffer[j[k]!]!));
}

/** Elements of x at `strides` over the output's axes. */
function strided(x: Input, y: TensorSpec, strides: readonly number[], start = 0): Buffer {
  const at = offsetsOf(y.shape, strides);
  return fill(y, (i) => x.buffer[start + at[i]!]!);
}

const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, n, i) => sum + n * b[i]!, 0);

function checked(op: string, inputs: readonly [Input, Input], extent: number): Buffer {
  const { buffer } = inputs[1];
  const bad = buffer.find((i) => i < 0 || i >= extent);
  if (bad === undefined) return buffer;
  const specs = inputs.map(({ spec }) => spec);
  throw new KernelError(op, specs, new RangeError(`index ${bad} is outside [0, ${extent})`));
}

/** Calls `visit` for each position of a grid: where its result goes, and where each tap inside finds its term; channels come on top. */
function walk(
  grid: Grid,
  visit: (to: number, taps: readonly { tap: number; from: number }[], sample: number) => void,
): void {
  const { from, to, count, step, toStart, toStep } = grid;
  for (let n = 0; n < from.batch; n++)
    for (let z = 0; z < count[0]; z++)
      for (let y = 0; y < count[1]; y++)
        for (let x = 0; x < count[2]; x++) {
          const j = [z, y, x];
          const place = j.map((i, axis) => toStart[axis]! + i * toStep[axis]!);
          const taps = grid.taps.flatMap((tap, t) => {
            const at = tap.map((offset, axis) => j[axis]! * step[axis]! + offset);
            if (at.some((i, axis) => i < 0 || i >= from.extent[axis]!)) return [];
            return [{ tap: grid.tapIndex[t]!, from: n * from.batchStep + dot(at, from.step) }];
          });
          visit(n * to.batchStep + dot(place, to.step), taps, n);
        }
}

/** `weight(to, from, tap)` is the place of the weight between two channels. */
function correlate(
  grids: readonly Grid[],
  groups: number,
  x: Buffer,
  w: Buffer,
  y: TensorSpec,
  weight: (to: number, from: number, tap: number) => number,
): Buffer {
  const made = fill(y, () => 0);
  for (const grid of grids) {
    const [perFrom, perTo] = [grid.from.channels / groups, grid.to.channels / groups];
    walk(grid, (to, taps) => {
      for (let c = 0; c < grid.to.channels; c++) {
        const first = Math.floor(c / perTo) * perFrom;
        let sum = 0;
        for (const { tap, from } of taps)
          for (let k = first; k < first + perFrom; k++)
            sum += x[from + k * grid.from.channelStep]! * w[weight(c, k, tap)]!;
        made[to + c * grid.to.channelStep] = sum;
      }
    });
  }
  return made;
}

/** Calls `visit` for each window of each channel: where its output is, and its inputs. */
function windows(x: Shape, y: Shape, a: PoolAttrs, visit: (output: number, inputs: number[]) => void): void {
  const [input, output] = [activationGeometry(x, a.layout), activationGeometry(y, a.layout)];
  walk(forwardGrid({ input, output, window: windowGeometry(a.kernel, a), groups: 1 }), (to, taps) => {
    for (let c = 0; c < input.channels; c++)
      visit(
        to + c * output.channelStep,
        taps.map(({ from }) => from + c * input.channelStep),
      );
  });
}

/** The first NaN, or else the first of the largest; undefined of none. */
function firstMax(x: Buffer, places: readonly number[]): number | undefined {
  let best: number | undefined;
  for (const i of places) {
    if (Number.isNaN(x[i])) return i;
    if (best === undefined || x[i]! > x[best]!) best = i;
  }
  return best;
}

/** The divisor of each output element of an average. */
function divisorsOf(
  x: Shape,
  y: Shape,
  a: PoolAttrs & { readonly countIncludePad: boolean },
): (output: number) => number {
  const [input, output] = [activationGeometry(x, a.layout), activationGeometry(y, a.layout)];
  const divisors = averageDivisors(
    input.extent,
    output.extent,
    windowGeometry(a.kernel, a),
    a.countIncludePad,
  );
  const inner = output.channelsLast ? output.channels : 1;
  return (i) => divisors[Math.floor(i / inner) % divisors.length]!;
}

const kernels: Kernels<Buffer> = {
  unary: ([x], { kind }, y) => fill(y, (i) => UNARY[kind](x.buffer[i]!)),
  binary: (inputs, { kind }, y) =>
    pairs(inputs, y, kind === 'mul' && y.dtype === 'int32' ? Math.imul : BINARY[kind]),
  compare: (inputs, { kind }, y) => pairs(inputs, y, (a, b) => Number(COMPARE[kind](a, b))),
  select([c, a, b], _, y) {
    const [at, i, j] = [c, a, b].map((t) => broadcast(t.spec.shape, y.shape)) as [
      Int32Array,
      Int32Array,
      Int32Array,
    ];
    return fill(y, (k) => (c.buffer[at[k]!] ? a.buffer[i[k]!]! : b.buffer[j[k]!]!));
  },
  cast([x], _, y) {
    const to = fill(y, () => 0);
    convertInto(x.buffer, to);
    return to;
  },
  reduce([x], { kind, axes }, y) {
    const { lanes, kept, runs, length, step } = reducePlan(x.spec.shape, axes);
    const starts = offsetsOf(kept.shape, kept.strides);
    return fill(y, (k) => {
      const start = starts[Math.floor(k / lanes)]! + (k % lanes);
      const places = [...runs].flatMap((r) => Array.from({ length }, (_, i) => start + r + i * step));
      if (kind === 'sum') return places.reduce((sum, i) => sum + x.buffer[i]!, 0);
      const best = firstMax(x.buffer, places)!;
      return kind === 'max' ? x.buffer[best]! : places.indexOf(best);
    });
  },
  matmul([a, b], { transposeA, transposeB }, y) {
    const [m, n] = y.shape.slice(-2) as [number, number];
    const depth = a.spec.shape.at(transposeA ? -2 : -1)!;
    return fill(y, (at) => {
      const [s, i, j] = [Math.floor(at / (m * n)), Math.floor(at / n) % m, at % n];
      let sum = 0;
      for (let k = 0; k < depth; k++)
        sum +=
          a.buffer[s * m * depth + (transposeA ? k * m + i : i * depth + k)]! *
          b.buffer[s * n * depth + (transposeB ? j * depth + k : k * n + j)]!;
      return sum;
    });
  },
  reshape: ([x]) => x.buffer,
  transpose([x], { perm }, y) {
    const strides = stridesOf(x.spec.shape);
    return strided(
      x,
      y,
      perm.map((p) => strides[p]!),
    );
  },
  slice([x], { start, step }, y) {
    const strides = stridesOf(x.spec.shape);
    return strided(
      x,
      y,
      strides.map((s, i) => s * step[i]!),
      dot(start, strides),
    );
  },
  pad([x], { before, interior, value }, y) {
    const made = fill(y, () => (y.dtype === 'bool' ? Number(value !== 0) : value));
    const strides = stridesOf(y.shape);
    const at = offsetsOf(
      x.spec.shape,
      strides.map((s, i) => s * (interior[i]! + 1)),
    );
    x.buffer.forEach((v, i) => (made[dot(before, strides) + at[i]!] = v));
    return made;
  },
  concat(inputs, { axis }, y) {
    const made = fill(y, () => 0);
    const strides = stridesOf(y.shape);
    let start = 0;
    for (const { buffer, spec } of inputs) {
      const at = offsetsOf(spec.shape, strides);
      buffer.forEach((v, i) => (made[start + at[i]!] = v));
      start += spec.shape[axis]! * strides[axis]!;
    }
    return made;
  },
  broadcastTo: ([x], _, y) => strided(x, y, broadcastStrides(x.spec.shape, y.shape.length)),
  gather(inputs, { axis }, y) {
    const [x] = inputs;
    const indices = checked('gather', inputs, x.spec.shape[axis]!);
    const inner = sizeOf(y.shape.slice(axis + 1));
    const extent = x.spec.shape[axis]!;
    return fill(y, (at) => {
      const row = Math.floor(at / inner);
      const index = indices[row % indices.length]!;
      return x.buffer[(Math.floor(row / indices.length) * extent + index) * inner + (at % inner)]!;
    });
  },
  scatterAdd(inputs, { axis, size }, y) {
    const [x] = inputs;
    const indices = checked('scatterAdd', inputs, size);
    const inner = sizeOf(y.shape.slice(axis + 1));
    const sums = new Float64Array(sizeOf(y.shape));
    x.buffer.forEach((v, at) => {
      const row = Math.floor(at / inner);
      const index = indices[row % indices.length]!;
      sums[(Math.floor(row / indices.length) * size + index) * inner + (at % inner)]! += v;
    });
    return fill(y, (i) => sums[i]!);
  },
  conv([x, w], attrs, y) {
    const p = convProblem(x.spec.shape, y.shape, w.spec.shape.slice(2), attrs);
    const [per, taps] = [w.spec.shape[1]!, sizeOf(w.spec.shape.slice(2))];
    return correlate(
      [forwardGrid(p)],
      attrs.groups,
      x.buffer,
      w.buffer,
      y,
      (to, from, tap) => (to * per + (from % per)) * taps + tap,
    );
  },
  convInputGrad([gy, w], attrs, y) {
    const p = convProblem(y.shape, gy.spec.shape, w.spec.shape.slice(2), attrs);
    const [per, taps] = [w.spec.shape[1]!, sizeOf(w.spec.shape.slice(2))];
    return correlate(
      inputGradGrids(p),
      attrs.groups,
      gy.buffer,
      w.buffer,
      y,
      (to, from, tap) => (from * per + (to % per)) * taps + tap,
    );
  },
  convWeightGrad([x, gy], attrs, y) {
    const p = convProblem(x.spec.shape, gy.spec.shape, attrs.kernelSize, attrs);
    const [per, taps] = [y.shape[1]!, sizeOf(attrs.kernelSize)];
    const [o, c] = [p.output.channels, p.input.channels];
    const sums = new Float64Array(sizeOf(y.shape));
    walk(forwardGrid(p), (to, list) => {
      for (let i = 0; i < o; i++)
        for (const { tap, from } of list)
          for (let k = 0; k < per; k++) {
            const channel = Math.floor(i / (o / attrs.groups)) * (c / attrs.groups) + k;
            sums[(i * per + k) * taps + tap]! +=
              x.buffer[from + channel * p.input.channelStep]! * gy.buffer[to + i * p.output.channelStep]!;
          }
    });
    return fill(y, (i) => sums[i]!);
  },
  maxPool([x], attrs, y) {
    const made = fill(y, () => -Infinity);
    windows(x.spec.shape, y.shape, attrs, (output, inputs) => {
      const best = firstMax(x.buffer, inputs);
      if (best !== undefined) made[output] = x.buffer[best]!;
    });
    return made;
  },
  maxPoolGrad([x, gy], attrs, y) {
    const sums = new Float64Array(sizeOf(y.shape));
    windows(x.spec.shape, gy.spec.shape, attrs, (output, inputs) => {
      const best = firstMax(x.buffer, inputs);
      if (best !== undefined) sums[best]! += gy.buffer[output]!;
    });
    return fill(y, (i) => sums[i]!);
  },
  avgPool([x], attrs, y) {
    const made = fill(y, () => 0);
    const divisor = divisorsOf(x.spec.shape, y.shape, attrs);
    windows(x.spec.shape, y.shape, attrs, (output, inputs) => {
      made[output] = inputs.reduce((sum, i) => sum + x.buffer[i]!, 0) / divisor(output);
    });
    return made;
  },
  avgPoolGrad([gy], attrs, y) {
    const sums = new Float64Array(sizeOf(y.shape));
    const divisor = divisorsOf(y.shape, gy.spec.shape, attrs);
    windows(y.shape, gy.spec.shape, attrs, (output, inputs) => {
      for (const i of inputs) sums[i]! += gy.buffer[output]! / divisor(output);
    });
    return fill(y, (i) => sums[i]!);
  },
};

/** Indices are looked at even where nothing comes of it. */
const LOOK = new Set(['reshape', 'gather', 'scatterAdd']);

/** Every primitive in plain loops, as short as the kit makes it: an example of what docs/adding-a-backend.md says. */
export async function createNaiveBackend(): Promise<Backend<Buffer>> {
  const backend: Backend<Buffer> = {
    name: 'naive',
    upload: converted,
    read: async (buffer) => buffer.slice(),
    readSync: (buffer) => buffer.slice(),
    release: () => {},
    flush: () => relieve(backend),
    dispose: async () => {},
    run(op, inputs, attrs, output) {
      const specs = inputs.map(({ spec }) => spec);
      const value = LOOK.has(op) ? undefined : fillOfEmptyInputs(op, specs, attrs, output);
      return value === undefined ? kernels[op](inputs, attrs, output) : fill(output, () => value);
    },
  };
  return backend;
}
