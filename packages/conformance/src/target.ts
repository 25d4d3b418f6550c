import type { Backend } from '@graftjs/core';
import type { ErrorModel } from './bounds/index.ts';

export type Platform = 'node' | 'browser';

/** A backend as conformance sees it: what its `test/target.ts` exports. */
export interface Target {
  readonly name: string;
  readonly create: () => Promise<Backend>;
  /**
   * How it rounds, where that is not how `cpu` does; each deviation with its source in a comment. A function where it
   * depends on the device, called once: the target's module creates nothing, for it is imported in Node, too.
   */
  readonly model?: Partial<ErrorModel> | ((backend: Backend) => Promise<Partial<ErrorModel>>);
  /** It claims the contract: the bits that core's `primitives.ts` prescribes. Default false. */
  readonly bitExact?: boolean;
  /**
   * Of a target with `bitExact`: whose run compares the contract's errors with their bounds. Equal bits have equal errors,
   * so this one's run leaves that out (the modes `test` and `grad`).
   */
  readonly errorsAreThoseOf?: string;
  /** It takes graphs whole (`Backend.compile`): every case is run compiled, too. Default false. */
  readonly compiles?: boolean;
  /** It keeps −0 apart from +0. Default true. */
  readonly signedZero?: boolean;
  /** The same backend in other settings (threads), which must give the same bits. */
  readonly variants?: Readonly<Record<string, () => Promise<Backend>>>;
  /** Where its suite is not run, and why, which the support table shows: `{ node: 'Node has no WebGL' }`. */
  readonly notIn?: Readonly<Partial<Record<Platform, string>>>;
  /** What it does not do: the beginning of the cases' names, and the reason, which the support table shows. */
  readonly unsupported?: Readonly<Record<string, string>>;
}
