import { UnsupportedError } from '@graftjs/core';

export { FormatError } from '@graftjs/core';

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
