import { createCpuBackend } from '@graftjs/backend-cpu';
import { manualSeed, setDefaultBackend } from '@graftjs/core';
import { decodeModel, encodeModel } from '@graftjs/onnx-graph';
import { describe, expect, test } from 'vitest';
import { exportOnnx } from '../src/index.ts';
import { networks } from './export-networks.ts';
import { checkFiles, hasChecker } from './onnx-checker.ts';

describe.skipIf(!(await hasChecker()))("ONNX's own checker (needs python3-onnx)", () => {
  test('accepts every network that is exported, and infers its shapes', async () => {
    setDefaultBackend(await createCpuBackend());
    manualSeed(1);
    const files = new Map<string, Uint8Array>();
    for (const [name, { input, make }] of Object.entries(networks))
      files.set(name, await exportOnnx(make(), { input }));
    expect(await checkFiles(files)).toEqual({});
  });

  test('finds what is wrong: it was asked', async () => {
    const { input, make } = networks['Linear']!;
    const model = decodeModel(await exportOnnx(make(), { input }));
    const nodes = model.graph.nodes.map((n) => ({ ...n, opType: 'Gem' }));
    const bad = encodeModel({ ...model, graph: { ...model.graph, nodes } });
    expect(await checkFiles(new Map([['bad', bad]]))).toEqual({ 'bad.onnx': expect.stringMatching(/Gem/) });
  });
});
