import type { Backend } from '../backend.ts';
import type { DataSource } from '../data.ts';
import { GraftError } from '../errors.ts';
import { tensor } from '../ops/index.ts';
import type { Tensor } from '../tensor.ts';

/** A weight per class for the loss; 'balanced' is inverse to how often the class occurs, 1 on average over samples. */
export function classWeightsOf(
  { classes, labels }: DataSource,
  wanted: 'balanced' | readonly number[] | undefined,
  backend: Backend,
): Tensor | null {
  if (!wanted) return null;
  if (wanted !== 'balanced' && wanted.length !== classes.length) {
    throw new GraftError(`${wanted.length} class weights for ${classes.length} classes`);
  }
  const counts = classes.map((_, c) => labels.reduce((n, l) => n + (l === c ? 1 : 0), 0));
  const values =
    wanted === 'balanced' ? counts.map((n) => labels.length / (classes.length * Math.max(n, 1))) : wanted;
  return tensor([...values], [classes.length], { backend }).keep();
}
