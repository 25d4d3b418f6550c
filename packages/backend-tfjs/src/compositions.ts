import type { OpAttrs, OpInputs, OpName, TensorSpec } from '@graftjs/core/backend';
import type { Info, Tfjs } from './tfjs.ts';

/**
 * A primitive in tfjs's kernels. No input and no output is empty (but for some of `concat`'s, and `gather` and
 * `scatterAdd`, whose indices are always looked at). It may give an input, or a view of one, where nothing changes.
 */
type Composition<N extends OpName> = (
  t: Tfjs,
  inputs: OpInputs<Info>[N],
  attrs: OpAttrs[N],
  output: TensorSpec,
) => Info;

/** One for every primitive. */
export type Compositions = { readonly [N in OpName]: Composition<N> };
