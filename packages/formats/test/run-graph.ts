import { tensor, type Tensor } from '@graftjs/core';
import { expect } from 'vitest';
import { GraphModule } from '../src/graph/module.ts';
import { graphFromJSON, graphToJSON } from '../src/graph/json.ts';
import { readTfjsGraphModel } from '../src/tfjs/read.ts';
import type { TfGraph, Values } from './tf-graph.ts';

/** Imports the graph, takes it through JSON, and runs it. */
export function run(g: TfGraph, x: Values, outputs?: string[]): Tensor {
  const { graph, weights } = readTfjsGraphModel(g.model, g.shards, outputs ? { outputs } : {});
  const module = new GraphModule(graphFromJSON(graphToJSON(graph)), weights);
  return module.forward(tensor(Float32Array.from(x.data), x.shape));
}

export function expectValues(y: Tensor, want: Values): void {
  expect(y.shape).toEqual(want.shape);
  const got = y.dataSync();
  want.data.forEach((v, k) => expect(got[k], `element ${k}`).toBeCloseTo(v, 4));
}
