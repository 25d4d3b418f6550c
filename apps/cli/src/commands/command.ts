import type { ArgsDef } from 'citty';
import type { Values } from '../args.ts';
import type { Io } from '../io.ts';

/** A subcommand: its options as citty has them, and what it does. */
export interface Command {
  readonly summary: string;
  /** Positional arguments and options. */
  readonly args: ArgsDef;
  /** Takes any number of positional arguments. */
  readonly rest?: boolean;
  /** Shown under the options. */
  readonly examples: readonly string[];
  run(values: Values, io: Io): Promise<void>;
}
