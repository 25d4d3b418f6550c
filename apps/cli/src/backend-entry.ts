import type { Backend } from '@graftjs/core';

/** A backend of which there are several. */
export interface BackendVariant extends Backend {
  /** Which of several it is, where they round differently. */
  readonly variant?: string;
}

/** Something of the host that makes a backend fast, or does not. */
export interface Feature {
  readonly name: string;
  readonly here: boolean;
  /** Why it is not used, or what it takes to have it. */
  readonly note?: string;
}

export interface BackendEntry {
  readonly name: string;
  readonly summary: string;
  /** Takes `--threads`. The others have one thread. */
  readonly threaded: boolean;
  /** Whose bits it gives: those that core's contract states, or its own, which nothing else may be mixed with. */
  readonly bits: 'contract' | 'own';
  /** What `graft backends` tells of the host. */
  features?(): readonly Feature[] | Promise<readonly Feature[]>;
  /**
   * Opens it.
   * @param threads how many shall work; null for one per processor.
   * @throws an error that says why it cannot run here and what to do about it; a package that is missing needs no words.
   */
  create(threads: number | null): Promise<BackendVariant>;
}
