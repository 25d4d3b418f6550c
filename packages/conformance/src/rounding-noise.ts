import { Random, type Backend } from '@graftjs/core';
import { type OpAttrs, type OpName } from '@graftjs/core/backend';
import { intercept } from './intercept.ts';

/** 2⁻²⁴, the largest relative error of one rounding to float32. */
const U = 2 ** -24;

/** Sums of products, which backends add in another order or with fused multiply-adds. */
const SUMS: readonly OpName[] = ['conv', 'convInputGrad', 'convWeightGrad', 'matmul', 'reduce'];

/**
 * A synchronous backend like another, but for rounding noise: each sum of products gets a random error with the standard
 * deviation 2⁻²⁴ · Σ|xᵢ wᵢ|, about the most that adding in another order changes (its k − 1 roundings err in both
 * directions, each by less than that of the whole). Sums whose terms are all 0 stay 0. How far several such runs of a
 * program lie apart tells what rounding alone can do to it, however chaotic it is: stochastic arithmetic (J. Vignes,
 * "Discrete stochastic arithmetic for validating results of numerical software", 2004).
 */
export function withRoundingNoise(backend: Backend, seed: number): Backend {
  const random = new Random(seed, 'rounding noise');
  return intercept(backend, (call, next) => {
    const made = next(call);
    const spec = call.output;
    const isSum = call.op !== 'reduce' || (call.attrs as OpAttrs['reduce']).kind === 'sum';
    if (!SUMS.includes(call.op) || !isSum || spec.dtype !== 'float32') return made;
    const magnitudes = call.inputs.map((operand) => ({
      spec: operand.spec,
      buffer: backend.run('unary', [operand], { kind: 'abs' }, operand.spec),
    }));
    const sums = next({ ...call, inputs: magnitudes });
    const values = Float32Array.from(backend.readSync!(made, spec));
    const scale = backend.readSync!(sums, spec);
    const noise = random.uniformArray(values.length);
    for (let i = 0; i < values.length; i++) values[i]! += U * Math.sqrt(3) * (2 * noise[i] - 1) * scale[i];
    const own = (b: unknown): boolean => call.inputs.every((x) => x.buffer !== b);
    for (const b of new Set([...magnitudes.map((m) => m.buffer), made, sums])) if (own(b)) backend.release(b);
    return backend.upload(values, spec);
  });
}
