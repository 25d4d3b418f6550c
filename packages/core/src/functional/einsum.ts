import { ShapeError } from '../errors.ts';
import { composite } from '../op.ts';
import { gather, matmul, mul, reshape, sum, tensor, transpose } from '../ops/index.ts';
import type { Tensor } from '../tensor.ts';
import { sizeOf } from '../types.ts';

/** A tensor whose axes bear labels, no label twice. */
interface Labelled {
  readonly x: Tensor;
  readonly labels: readonly string[];
}

const fail = (equation: string, why: string): never => {
  throw new ShapeError(`einsum '${equation}': ${why}`);
};

/** The labels of every operand and of the result; the axes of an ellipsis are called …0, …1, … from the right. */
function parse(equation: string, ranks: readonly number[]): { inputs: string[][]; output: string[] } {
  const [left, right, more] = equation.replaceAll(' ', '').split('->');
  const terms = left!.split(',');
  if (more !== undefined || terms.length !== ranks.length)
    fail(equation, `${terms.length} terms for ${ranks.length} operands`);
  const expand = (term: string, rank: number | null): string[] => {
    const [head, tail] = term.split('...');
    const named = [...(head ?? ''), ...(tail ?? '')];
    if (named.some((c) => !/[a-zA-Z]/.test(c))) fail(equation, `the term '${term}'`);
    const free = tail === undefined ? 0 : (rank ?? widest) - (rank === null ? 0 : named.length);
    if (rank !== null && (free < 0 || (tail === undefined && named.length !== rank)))
      fail(equation, `the term '${term}' for an operand of ${rank} axes`);
    const dots = Array.from({ length: free }, (_, i) => `…${free - 1 - i}`);
    return tail === undefined ? named : [...head!, ...dots, ...tail];
  };
  let widest = 0;
  const inputs = terms.map((t, i) => expand(t, ranks[i]!));
  for (const labels of inputs) widest = Math.max(widest, labels.filter((l) => l.startsWith('…')).length);
  if (right !== undefined) return { inputs, output: expand(right, null) };
  // Without '->': the ellipsis, then the labels that occur once, in alphabetical order.
  const all = inputs.flat();
  const once = [...new Set(all)].filter((l) => !l.startsWith('…') && all.indexOf(l) === all.lastIndexOf(l));
  const dots = Array.from({ length: widest }, (_, i) => `…${widest - 1 - i}`);
  return { inputs, output: [...dots, ...once.sort()] };
}

/** A label that occurs twice in one operand means its diagonal. */
function diagonal({ x, labels }: Labelled, equation: string): Labelled {
  const twice = labels.findIndex((l, i) => labels.indexOf(l) !== i);
  if (twice < 0) return { x, labels };
  const first = labels.indexOf(labels[twice]!);
  const n = x.shape[first]!;
  if (x.shape[twice] !== n) fail(equation, `the axes '${labels[twice]}' have ${n} and ${x.shape[twice]}`);
  const rest = labels.map((_, i) => i).filter((i) => i !== first && i !== twice);
  const square = reshape(transpose(x, [first, twice, ...rest]), [n * n, ...rest.map((i) => x.shape[i]!)]);
  const picked = gather(
    square,
    tensor(
      Int32Array.from({ length: n }, (_, i) => i * (n + 1)),
      [n],
      { backend: x.backend },
    ),
  );
  return diagonal({ x: picked, labels: [labels[first]!, ...rest.map((i) => labels[i]!)] }, equation);
}

/** Sums over labels that nobody else needs. */
function reduced({ x, labels }: Labelled, needed: ReadonlySet<string>): Labelled {
  const axes = labels.map((_, i) => i).filter((i) => !needed.has(labels[i]!));
  return axes.length ? { x: sum(x, axes), labels: labels.filter((l) => needed.has(l)) } : { x, labels };
}

/** The product of two operands, summed over the labels that are not needed any more: one batched matrix product. */
function contract(a: Labelled, b: Labelled, needed: ReadonlySet<string>, equation: string): Labelled {
  const [left, right] = [
    reduced(a, new Set([...needed, ...b.labels])),
    reduced(b, new Set([...needed, ...a.labels])),
  ];
  const extent = (t: Labelled, l: string): number => t.x.shape[t.labels.indexOf(l)]!;
  const shared = left.labels.filter((l) => right.labels.includes(l));
  const ordered = (t: Labelled, labels: readonly string[]): Tensor =>
    transpose(
      t.x,
      labels.map((l) => t.labels.indexOf(l)),
    );
  // An extent of 1 broadcasts, as in numpy: then the product is taken element by element.
  if (shared.some((l) => extent(left, l) !== extent(right, l))) {
    const labels = [...new Set([...left.labels, ...right.labels])];
    const wide = (t: Labelled): Tensor =>
      reshape(
        ordered(
          t,
          labels.filter((l) => t.labels.includes(l)),
        ),
        labels.map((l) => (t.labels.includes(l) ? extent(t, l) : 1)),
      );
    for (const l of shared) {
      const [m, n] = [extent(left, l), extent(right, l)];
      if (m !== n && m !== 1 && n !== 1) fail(equation, `'${l}' has extents ${m} and ${n}`);
    }
    return reduced({ x: mul(wide(left), wide(right)), labels }, needed);
  }
  const batch = shared.filter((l) => needed.has(l));
  const inner = shared.filter((l) => !needed.has(l));
  const rows = left.labels.filter((l) => !shared.includes(l));
  const columns = right.labels.filter((l) => !shared.includes(l));
  const size = (t: Labelled, labels: readonly string[]): number => sizeOf(labels.map((l) => extent(t, l)));
  const x = matmul(
    reshape(ordered(left, [...batch, ...rows, ...inner]), [
      size(left, batch),
      size(left, rows),
      size(left, inner),
    ]),
    reshape(ordered(right, [...batch, ...inner, ...columns]), [
      size(right, batch),
      size(right, inner),
      size(right, columns),
    ]),
  );
  const shape = [...[...batch, ...rows].map((l) => extent(left, l)), ...columns.map((l) => extent(right, l))];
  return { x: reshape(x, shape), labels: [...batch, ...rows, ...columns] };
}

/**
 * Einstein's summation as NumPy and PyTorch write it, contracted from left to right: each pair is one batched matrix
 * product. A label that occurs twice in one operand means its diagonal, `...` the axes that have no label, and without
 * `->` the result has the labels that occur once, in alphabetical order. (Einstein, 1916; numpy.einsum)
 * @param operands One for each term of the equation, each with as many axes as its term has labels: `'bij,bjk->bik'` of
 * `[b, i, j]` and `[b, j, k]` gives `[b, i, k]`. An extent of 1 broadcasts.
 * @throws ShapeError where the equation is not one, or the extents of a label differ.
 * @example
 * const a = tensor([[1, 2], [3, 4]]);
 * einsum('ij,jk->ik', a, a); // → [[7, 10], [15, 22]]
 * einsum('ii', a); // → 5
 */
export function einsum(equation: string, ...operands: readonly Tensor[]): Tensor {
  return composite(() => {
    const { inputs, output } = parse(
      equation,
      operands.map((x) => x.rank),
    );
    const terms = operands.map((x, i) => diagonal({ x, labels: inputs[i]! }, equation));
    const neededAfter = (k: number): Set<string> =>
      new Set([...output, ...terms.slice(k + 1).flatMap((t) => t.labels)]);
    let all = reduced(terms[0]!, neededAfter(0));
    for (let k = 1; k < terms.length; k++) all = contract(all, terms[k]!, neededAfter(k), equation);
    const missing = output.find((l) => !all.labels.includes(l));
    if (missing !== undefined || new Set(output).size !== output.length)
      fail(equation, `the result '${output.join('')}'`);
    return transpose(
      all.x,
      output.map((l) => all.labels.indexOf(l)),
    );
  });
}
