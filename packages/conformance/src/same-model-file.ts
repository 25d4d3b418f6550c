/** How far apart two runs may lie: in each loss, and in each probability. */
export interface Distance {
  readonly loss: number;
  readonly probability: number;
}

/** What `pnpm --filter @graftjs/conformance same-model` has computed, for the runs take minutes and are always the same. */
export interface SameModelFile {
  /** `digestOf` the run on `cpu`. */
  readonly reference: string;
  /** `noisyDistance` of seeds 0 to 3. */
  readonly noise: readonly Distance[];
}
