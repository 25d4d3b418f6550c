import { readersOf, type GraphInput, type GraphNode, type GraphWithWeights } from './graph.ts';
import { opOf } from './operations.ts';
import type { Affine } from './operations/operation.ts';

/** The numbers that a network takes a picture's bytes as: 0 to 255 as they are, or divided by 255. */
export type InputRange = 'bytes' | 'unit';

/**
 * What the first nodes of a network say of its input: where they divide by 255, subtract a mean and divide by a deviation, or
 * normalise by stored statistics, these tell whether it is bytes or numbers up to 1. Null where nothing is said, or
 * nothing clear: a network that was trained on normalised pictures begins with its first layer.
 */
export function inputRange({ graph, weights }: GraphWithWeights): InputRange | null {
  const readers = readersOf(graph);
  const valuesOf = (input: GraphInput | undefined): readonly number[] | null => {
    if (typeof input === 'number') return [input];
    const data = typeof input === 'string' ? weights.get(input)?.data : input?.values;
    return data && (data.length === 1 || data.length === 3) ? Array.from(data) : null;
  };

  let at: GraphInput = graph.inputs[0]!;
  let channels: Affine[] = [{ scale: 1, shift: 0 }];
  let isScaled = false;
  // The way from the input, as long as it is one; a look at a shape leads nowhere.
  for (;;) {
    const [node, ...others]: (GraphNode | null)[] = [...new Set(readers.get(at))].filter(
      (n) => n && !opOf(n).toHost,
    );
    if (!node || others.length) break;
    if (node.op === 'batchNorm' && node.inputs[0] === at) {
      const [mean, variance] = [valuesOf(node.inputs[3]), valuesOf(node.inputs[4])];
      if (!mean || !variance) break;
      return agreed(
        mean.map((m, c) => {
          const { scale, shift } = channels[c % channels.length]!;
          return { mean: (m - shift) / scale, std: Math.sqrt(variance[c]!) / scale };
        }),
        ofStatistics,
      );
    }
    if (!opOf(node).keepsValues) {
      const next = affine(node, at, valuesOf);
      if (!next) break;
      channels = then(channels, next);
      isScaled = true;
    }
    at = node.name;
  }
  return isScaled
    ? agreed(
        channels.map(({ scale, shift }) => ({ mean: -shift / scale, std: 1 / scale })),
        ofScaling,
      )
    : null;
}

/** What a node does to the value at its input, with a constant beside it: of all channels, or of each of three. */
function affine(
  node: GraphNode,
  at: GraphInput,
  valuesOf: (input: GraphInput | undefined) => readonly number[] | null,
): Affine[] | null {
  const { inputs } = node;
  const isFirst = inputs[0] === at;
  const constants = valuesOf(inputs[isFirst ? 1 : 0]);
  if (inputs.length !== 2 || !constants) return null;
  const each = constants.map((v) => opOf(node).affine?.(v, isFirst) ?? null);
  return each.includes(null) ? null : (each as Affine[]);
}

function then(a: readonly Affine[], b: readonly Affine[]): Affine[] {
  return Array.from({ length: Math.max(a.length, b.length) }, (_, c) => {
    const [first, second] = [a[c % a.length]!, b[c % b.length]!];
    return { scale: first.scale * second.scale, shift: first.shift * second.scale + second.shift };
  });
}

/** What is subtracted from the input, and what that is divided by. */
interface Normalisation {
  readonly mean: number;
  readonly std: number;
}

function agreed(
  channels: readonly Normalisation[],
  rangeOf: (c: Normalisation) => InputRange | null,
): InputRange | null {
  const [first, ...rest] = channels.map(rangeOf);
  return first && rest.every((r) => r === first) ? first : null;
}

const within = (v: number, low: number, high: number): boolean => v >= low && v <= high;

/**
 * By how a network scales: divisors of bytes are 255 or 256, half that, or deviations from 40 to 70, and where it only
 * subtracts, means of bytes are far beyond 1; those of numbers up to 1 are 0.2 to 0.3, 0.5 or, to bring them to bytes, 1/255.
 */
function ofScaling({ mean, std }: Normalisation): InputRange | null {
  if (within(std, 32, 260) && within(mean, -1, 240)) return 'bytes';
  if (within(std, 0.999, 1.001)) {
    if (within(mean, 20, 240)) return 'bytes';
    return within(mean, 0.2, 0.8) ? 'unit' : null;
  }
  if (within(std, 0.1, 0.999) && within(mean, 0.2, 0.8)) return 'unit';
  return within(std, 1 / 260, 1 / 250) && within(mean, -0.01, 0.8) ? 'unit' : null;
}

/** By the statistics of what a network has seen. */
function ofStatistics({ mean, std }: Normalisation): InputRange | null {
  if (within(mean, 20, 235) && within(std, 16, 130)) return 'bytes';
  return within(mean, 0.1, 0.9) && within(std, 0.06, 0.5) ? 'unit' : null;
}
