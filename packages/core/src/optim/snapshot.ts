import { Tensor } from '../tensor.ts';
import type { Cell } from '../tracing.ts';

/** A state to go back to when a step fails. */
export interface Snapshot {
  /** Puts everything back. */
  restore(): void;
  /** Lets go of what it held; also after `restore`. */
  release(): void;
}

/** What cells hold now. Tensors are immutable, so it shares their buffers. */
export function snapshotOf(cells: Iterable<Cell>): Snapshot {
  const held = [...cells].map((cell): [Cell, Tensor] => [cell, shareOf(cell.value).keep()]);
  for (const [, t] of held) t.owned = true;
  return {
    restore: () => {
      for (const [cell, t] of held) if (cell.value.storage !== t.storage) cell.set(shareOf(t));
    },
    release: () => {
      for (const [, t] of held) t.dispose();
    },
  };
}

/** Several as one. */
export function joined(snapshots: readonly Snapshot[]): Snapshot {
  return {
    restore: () => snapshots.forEach((s) => s.restore()),
    release: () => snapshots.forEach((s) => s.release()),
  };
}

function shareOf(t: Tensor): Tensor {
  return new Tensor(t.storage, t);
}
