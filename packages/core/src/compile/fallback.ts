import type { Backend } from '../backend.ts';
import { UnsupportedError } from '../errors.ts';
import { currentRandom } from '../nn/random-context.ts';
import type { Tensor } from '../tensor.ts';
import type { Compiled, CompileOptions } from './compile.ts';

export interface CompileChoice extends CompileOptions {
  /** False: never. */
  readonly compile?: boolean | undefined;
  /** Undoes what a function that turned out not to compile has changed on the host, before it runs op by op. */
  readonly undo?: () => void;
}

/** Called like the function that it was made from. */
export type MaybeCompiled<F> = F & { dispose(): void };

/**
 * `fn`, compiled where the backend has more for a graph than for its ops one by one: it takes graphs whole, or has fused
 * kernels, which in a graph serve wherever nobody reads inner values. Elsewhere op by op is as fast, and nothing is recorded.
 * The compiler is loaded here, so a page that does not train does not load it. One that cannot be compiled, since it looks
 * at values, runs op by op.
 */
export async function compileWithFallback<A extends readonly Tensor[], R>(
  fn: (...inputs: A) => R,
  backend: Backend,
  options: CompileChoice = {},
): Promise<MaybeCompiled<(...inputs: A) => R>> {
  let compiled: Compiled<A, R> | null = null;
  if ((options.compile ?? true) && (backend.compile ?? backend.fused)) {
    const { compile } = await import('./compile.ts');
    compiled = compile(fn, options);
  }
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
