/**
 * Memory over 10,000 predictions and 1,000 hand-written training steps of six layers on 32 × 32, without any `scope`, each
 * awaiting its answer: tensors, their bytes and the resident set at the start, in the middle and at the end, and the most.
 * webgl runs in Chromium. The functions are those of the tests in packages/conformance/src/unheld.ts, which run fewer rounds.
 */
import { createCpuBackend } from '@graftjs/backend-cpu';
import { createOnnxBackend } from '@graftjs/backend-onnx';
import { createWasmBackend } from '@graftjs/backend-wasm';
import type { Backend } from '@graftjs/core';
import { defineCommand, runMain } from 'citty';
import { openPage } from '../browser/launch.ts';
import { flat } from '../browser/remote.ts';
import { watchLoops } from './watch.ts';

const open: Readonly<Record<string, () => Promise<Backend>>> = {
  cpu: () => createCpuBackend(),
  wasm: () => createWasmBackend(),
  onnx: () => createOnnxBackend(),
};

const command = defineCommand({
  meta: { name: 'flat', description: 'Memory of long loops without scope' },
  args: {
    backends: { type: 'string', default: 'cpu,wasm,onnx,webgl' },
    predictions: { type: 'string', default: '10000' },
    steps: { type: 'string', default: '1000' },
  },
  async run({ args }) {
    const rounds = { predictions: Number(args.predictions), steps: Number(args.steps) };
    for (const name of args.backends.split(',')) {
      const make = open[name];
      if (make) console.log((await watchLoops(await make(), rounds, process.memoryUsage.rss)).join('\n'));
      else {
        const { page, close } = await openPage();
        console.log((await flat(page, name, rounds).finally(close)).join('\n'));
      }
    }
  },
});

await runMain(command);
