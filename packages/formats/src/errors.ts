import { GraftError, UnsupportedError } from '@graftjs/core';

/** A file that is not what it claims to be. The message says what is wrong, where, and what to do about it. */
export class FormatError extends GraftError {
  override name = 'FormatError';
  constructor(
    message: string,
    /** Position in the file, in bytes, of what is wrong; undefined where there is no such place. */
    readonly offset?: number,
    hint?: string,
  ) {
    super(`${message}${offset === undefined ? '' : ` (at byte ${offset})`}${hint ? `: ${hint}` : ''}`);
  }
}

/** What a graph needs and this reader does not have, in the order of first appearance. */
export interface MissingOp {
  readonly op: string;
  readonly count: number;
  /** Name of one node with this op. */
  readonly example: string;
  /** Why, if the op itself is known: an attribute that is not supported, for example. */
  readonly reason?: string;
}

/** The requested outputs need operations that cannot be imported; lists every one. */
export class UnsupportedOpsError extends UnsupportedError {
  override name = 'UnsupportedOpsError';
  constructor(readonly ops: readonly MissingOp[]) {
    const list = ops.map(
      (o) => `${o.op} (${o.count}×, for example '${o.example}'${o.reason ? `; ${o.reason}` : ''})`,
    );
    super(
      `this graph needs operations that cannot be imported: ${list.join(', ')}. Ask for an output before them: { outputs: ['node'] }`,
    );
  }
}
