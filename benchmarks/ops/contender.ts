import type { Task } from './task.ts';
import type { Work } from './work.ts';

/** One of Graft's backends, or somebody else's library. */
export interface Contender {
  readonly name: string;
  /** One of Graft's: the others are its peers. */
  readonly ours: boolean;
  /** A peer of this contender alone: the same one in another place. */
  readonly of?: string;
  /** Works elsewhere too, in threads of its own or another process, so that only the clock on the wall counts it. */
  readonly parallel: boolean;
  /** The task, or why there is none in a sentence; empty where nobody will miss it. */
  prepare(work: Work): Promise<Task | string>;
  dispose(): Promise<void>;
}
