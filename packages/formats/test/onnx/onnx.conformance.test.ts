import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { runOnnxTests } from './suite.ts';
import { onnxTable, ONNX_FILE } from './table.ts';
import { allTargets } from './targets.ts';

// cpu and wasm; the others have a slow test.
const targets = (await allTargets()).filter((t) => t.bitExact);

runOnnxTests(targets, (verdicts) => {
  // What is refused is refused by the reader, or by an operation: never by a backend.
  const written = readFileSync(ONNX_FILE, 'utf8');
  const current = onnxTable(verdicts);
  expect(written, 'write it with: pnpm --filter @graftjs/formats onnx-support').toBe(current);
});
