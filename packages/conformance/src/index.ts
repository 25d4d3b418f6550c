export { bitwise, RecordedBits } from './bitwise.ts';
export * from './bounds/index.ts';
export { cases, type Case, type Family } from './cases/index.ts';
export {
  check,
  checkAll,
  describeFailure,
  modesOf,
  openSubject,
  subjectOf,
  type Mode,
  type Outcome,
  type Subject,
} from './check.ts';
export { FASHION_MNIST, fashionMnist } from './fashion-mnist.ts';
export { decomposedKernels, fusedBy, withFused } from './fused.ts';
export { checkGradient, type DifferenceOutcome } from './finite-differences.ts';
export { goldenAsCases, type GoldenAsCase } from './golden-cases.ts';
export { golden, torchCases } from './golden-file.ts';
export * from './golden.ts';
export { counting, intercept, type Call } from './intercept.ts';
export * from './oracle/index.ts';
export { checkProperty, properties, type Property } from './properties.ts';
export { measure, type Measurement, type MeasureOptions } from './measure.ts';
export { perfCases } from './cases/perf.ts';
export { claimsOf, platform, type CaseRecord } from './records.ts';
export { supportTable, type SupportReport } from './support.ts';
export {
  digestOf,
  expectSameModel,
  noisyDistance,
  picturesFrom,
  roundingBound,
  sameModel,
  trainSmallCnn,
  WRITE_SAME_MODEL,
  type Pictures,
  type Trained,
} from './same-model.ts';
export type { Distance, SameModelFile } from './same-model-file.ts';
export { withRoundingNoise } from './rounding-noise.ts';
export { runConformance } from './suite.ts';
export type { Platform, Target } from './target.ts';
