import type { Backend } from '../backend.ts';
import { UnsupportedError } from '../errors.ts';
import { currentRandom } from '../nn/random-context.ts';
import type { Tensor } from '../tensor.ts';
import { compile, type Compiled, type CompileOptions } from './compile.ts';

export interface CompileChoice extends CompileOptions {
  /** False: never. */
  readonly compile?: boolean | undefined;
  /** Undoes what a function that turned out not to compile has changed on the host, before it runs op by op. */
  readonly undo?: () => void;
}

/**
 * `fn`, compiled where the backend takes graphs whole; elsewhere op by op is as fast. One that cannot be compiled, since it
 * looks at values, runs op by op too.
 */
export function compiledWhereItGains<A extends readonly Tensor[], R>(
  fn: (...inputs: A) => R,
  backend: Backend,
  options: CompileChoice = {},
): Pick<Compiled<A, R>, 'dispose'> & ((...inputs: A) => R) {
  let compiled = (options.compile ?? true) && backend.compile ? compile(fn, options) : null;
  const call = (...inputs: A): R => {
    if (!compiled) return fn(...inputs);
    const stream = currentRandom();
    const { position } = stream;
    try {
      return compiled(...inputs);
    } catch (e) {
      if (!(e instanceof UnsupportedError)) throw e;
      compiled.dispose();
      compiled = null;
      options.undo?.();
      stream.position = position;
      return fn(...inputs);
    }
  };
  return Object.assign(call, { dispose: () => compiled?.dispose() });
}
