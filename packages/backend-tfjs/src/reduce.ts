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

export const reductions: Pick<Compositions, 'reduce' | 'matmul'> = {
  reduce(t, [x], { kind, axes }, { shape }) {
    if (axes.length === 0) return x;
    const reduce = {
      sum: () => sum(t, x, axes),
      max: () => t.run('Max', { x: x }, { reductionIndices: [...axes], keepDims: false }),
      argmax: () => argmax(t, x, axes[0]!),
    };
    return view(reduce[kind](), shape);
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
