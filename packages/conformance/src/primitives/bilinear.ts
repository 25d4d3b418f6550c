import { grain } from '../bounds/model.ts';
import { Terms } from '../bounds/terms.ts';
import { productsOf, type BilinearOp } from '../oracle/products.ts';
import { allocate } from '../oracle/values.ts';
import type { AboutPrimitive } from './about.ts';

/**
 * Sums of n products. In any order a term meets n roundings: that of its product and n − 1 additions. So k = n, the taps
 * inside the input times the group's channels for `conv`, taps times output channels for its input gradient, k for
 * `matmul`. The weight gradient sums per sample (`parts`) first: k = the products of the largest sample + samples − 1.
 */
export function bilinear<N extends BilinearOp>(name: N): AboutPrimitive<N> {
  return {
    kernel({ add, addProducts }, inputs, attrs, out) {
      const [a, b] = inputs.map((t) => t.buffer);
      const shapes = inputs.map((t) => t.spec.shape);
      const y = allocate(out);
      for (const part of productsOf[name](shapes, attrs, out.shape)) {
        const sum = allocate(out);
        addProducts(sum, a, b, part);
        // In each output of conv only one part has terms, and adding +0 to it, or it to +0, is exact.
        for (let o = 0; o < y.length; o++) y[o] = add(y[o], sum[o]);
      }
      return y;
    },
    error(model, inputs, attrs, out, value) {
      const [a, b] = inputs;
      const shapes = inputs.map((t) => t.spec.shape);
      const parts = productsOf[name](shapes, attrs, out.shape);
      const terms = new Terms(value.length);
      const longest = new Uint32Array(value.length);
      const [{ value: x, error: ex }, { value: w, error: ew }] = [a.buffer, b.buffer];
      for (const part of parts) {
        const before = terms.count.slice();
        const { a: as, b: bs, y } = part;
        // Exact operands move nothing, but 0 · ∞ is NaN: written out, because the suite waits for little else.
        if (ex === null && ew === null) {
          for (let k = 0; k < y.length; k++) {
            terms.size[y[k]] += Math.abs(x[as[k]] * w[bs[k]]);
            terms.count[y[k]]++;
          }
          for (let o = 0; o < value.length; o++) terms.moved[o] = 0 * terms.size[o];
        } else
          for (let k = 0; k < y.length; k++) {
            const [i, j] = [as[k], bs[k]];
            const [p, q] = [Math.abs(x[i]), Math.abs(w[j])];
            const [ep, eq] = [ex === null ? 0 : ex[i], ew === null ? 0 : ew[j]];
            terms.add(y[k], p * q, ep * q + p * eq + ep * eq);
          }
        for (let o = 0; o < longest.length; o++)
          longest[o] = Math.max(longest[o], terms.count[o] - before[o]);
      }
      const chain = (o: number): number =>
        model.order === 'any' ? terms.count[o] : Math.min(terms.count[o], longest[o] + parts.length - 1);
      return terms.bounds(model, chain, grain(a.buffer.value) * grain(b.buffer.value));
    },
    bound: 'n · u · Σ\\|x\\|\\|w\\|',
  };
}
