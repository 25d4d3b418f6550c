import { GraftError } from '@graftjs/core';
import { FormatError, type MissingOp } from '../errors.ts';
import { Unsupported } from '../onnx/node.ts';

/** Runs `translate`; what it cannot express is noted, and `otherwise` done, so that the search goes on. */
export function attempt(
  missing: Map<string, MissingOp>,
  op: string,
  example: string,
  run: () => void,
  otherwise: () => void,
): void {
  try {
    run();
  } catch (error) {
    if (error instanceof Unsupported) {
      // What depends on something missing is not news.
      if (!error.message.startsWith('input of')) note(missing, op, example, error.message);
      otherwise();
    } else if (error instanceof GraftError) {
      throw Object.assign(new FormatError(`node '${example}' (${op}): ${error.message}`), { cause: error });
    } else throw error;
  }
}

export function note(missing: Map<string, MissingOp>, op: string, example: string, reason?: string): void {
  const key = reason ? `${op} ${reason}` : op;
  const before = missing.get(key);
  missing.set(
    key,
    before ? { ...before, count: before.count + 1 } : { op, count: 1, example, ...(reason && { reason }) },
  );
}
