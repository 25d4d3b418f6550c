import { FormatError, UnsupportedError } from '@graftjs/core';

export { FormatError };

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

/**
 * The error for a file of Graft's own of a later format than the reader knows.
 * @param what it is, as in 'this model …'
 * @param needs the oldest version of Graft that reads it, which files of later formats say: `needs` beside the format number
 */
export function newerFormat(what: string, format: number, known: number, needs?: unknown): FormatError {
  return new FormatError(
    `this ${what} was written by a newer Graft (${what} format ${format}, this one reads up to ${known})`,
    undefined,
    typeof needs === 'string' ? `update Graft to version ${needs} or newer` : 'update Graft',
  );
}
