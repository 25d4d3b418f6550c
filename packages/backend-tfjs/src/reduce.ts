import { type Shape, sizeOf } from '@graftjs/core/backend';
import type { Compositions } from './compositions.ts';
import { view, type Info, type Tfjs } from './tfjs.ts';
import { allFinite, choose, convert, isNan, product, sum, transpose } from './vocabulary.ts';

/** tfjs's passes over NaN, so that is looked for where a first glance shows that there may be some. */
function argmax(t: Tfjs, x: Info, axis: number): Info {
  const first = (values: Info): Info => t.run('ArgMax', { x: values }, { axis });
  const largest = first(x);
  if (x.dtype !== 'float32' || allFinite(t, x)) return largest;
  const nan = convert(t, isNan(t, x), 'float32');
  const some = t.run('Max', { x: nan }, { reductionIndices: [axis], keepDims: false });
  return choose(t, convert(t, some, 'bool'), first(nan), largest);
}

export const reductions: Pick<Compositions, 'reduce' | 'argsort' | 'matmul'> = {
  reduce(t, [x], { kind, axes }, { shape }) {
    if (axes.length === 0) return x;
    const reduce = {
      sum: () => sum(t, x, axes),
      max: () => t.run('Max', { x: x }, { reductionIndices: [...axes], keepDims: false }),
      argmax: () => argmax(t, x, axes[0]!),
    };
    return view(reduce[kind](), shape);
  },

  /** On the host, as tfjs's own TopK, which has no place for NaN. */
  argsort(t, [x], { axis, descending }, { shape, dtype }) {
    const values = t.read(x);
    const y = new Int32Array(values.length);
    const inner = sizeOf(shape.slice(axis + 1));
    const along = shape[axis]! * inner;
    const sign = descending ? -1 : 1;
    for (let start = 0; start < y.length; start += start % along === inner - 1 ? along - inner + 1 : 1) {
      const line = Array.from({ length: shape[axis]! }, (_, i) => values[start + i * inner]!);
      const compare = (p: number, q: number): number => Number(p > q || (p !== p && q === q));
      const order = [...line.keys()].sort(
        (i, j) => sign * (compare(line[i]!, line[j]!) - compare(line[j]!, line[i]!)),
      );
      order.forEach((from, i) => (y[start + i * inner] = from));
    }
    return t.upload(y, shape, dtype);
  },

  matmul(t, [a, b], { transposeA, transposeB }, { shape }) {
    const batch = sizeOf(shape.slice(0, -2));
    const flat = (x: Info, swap: boolean): Info => {
      const matrices = view(x, [batch, ...x.shape.slice(-2)]);
      return swap ? transpose(t, matrices, [0, 2, 1]) : matrices;
    };
    const [left, right] = [flat(a, transposeA), flat(b, transposeB)];
    if (batch === 1) return view(product(t, matrix(left), matrix(right)), shape);
    const y = t.run('BatchMatMul', { a: left, b: right }, { transposeA: false, transposeB: false });
    return view(y, shape);
  },
};

const matrix = (x: Info): Info => view(x, x.shape.slice(1) as Shape);
