import type { Module } from '@graftjs/core';
import { buildDescribed, type BuildOptions, type ModelDescription } from './describe.ts';
import { networks } from './networks.ts';

/**
 * A new module from its description, or from `{ kind: 'mobilenet_v2', options: config }`, any name in `networks`. Weights
 * are zeros unless `fresh`.
 * @throws FormatError, NameError or ShapeError where the description is not one.
 * @example
 * const model = buildModel({ kind: 'small_cnn', options: { classes: 10 } }, { fresh: true });
 * model.forward(zeros([1, 3, 64, 64])).shape // → [1, 10]
 */
export function buildModel(description: ModelDescription, options: BuildOptions = {}): Module {
  return buildDescribed(description, options, networks);
}
