/**
 * Memory over 10,000 predictions and 1,000 hand-written training steps of six layers on 32 × 32, without any `scope`, each
 * awaiting its answer: tensors, their bytes and the resident set at the start, in the middle and at the end, and the most.
 * The functions are those of the tests in packages/conformance/src/unheld.ts, which run fewer rounds, in browsers too.
 */
import { createCpuBackend } from '@graftjs/backend-cpu';
import { createOnnxBackend } from '@graftjs/backend-onnx';
import { createWasmBackend } from '@graftjs/backend-wasm';
import { handWritten, predictOnce, sixLayers } from '@graftjs/conformance';
import { memory, setDefaultBackend, type Backend } from '@graftjs/core';
import { defineCommand, runMain } from 'citty';

const open: Readonly<Record<string, () => Promise<Backend>>> = {
  cpu: () => createCpuBackend(),
  wasm: () => createWasmBackend(),
  onnx: () => createOnnxBackend(),
};

/** Prints a line. */
async function watch(
  what: string,
  backend: Backend,
  rounds: number,
  round: () => Promise<void>,
): Promise<void> {
  const show = ({ tensors, bytes }: { tensors: number; bytes: number }): string =>
    `${tensors} tensors ${(bytes / 1e6).toFixed(1)} MB, rss ${(process.memoryUsage.rss() / 1e6).toFixed(0)} MB`;
  const most = { tensors: 0, bytes: 0 };
  const seen: string[] = [];
  for (let i = 0; i < rounds; i++) {
    await round();
    const now = memory(backend);
    most.tensors = Math.max(most.tensors, now.tensors);
    most.bytes = Math.max(most.bytes, now.bytes);
    // Not at the very start: engines and sessions warm up.
    if ([Math.floor(rounds / 10), Math.floor(rounds / 2), rounds - 1].includes(i)) seen.push(show(now));
  }
  console.log(
    `${backend.name}, ${rounds} ${what}: ${seen.join(' → ')}; most ${most.tensors} tensors ${(most.bytes / 1e6).toFixed(1)} MB`,
  );
}

const command = defineCommand({
  meta: { name: 'flat', description: 'Memory of long loops without scope' },
  args: {
    backends: { type: 'string', default: 'cpu,wasm,onnx' },
    predictions: { type: 'string', default: '10000' },
    steps: { type: 'string', default: '1000' },
  },
  async run({ args }) {
    for (const name of args.backends.split(',')) {
      const backend = await open[name]!();
      setDefaultBackend(backend);
      const model = sixLayers(backend).eval();
      await watch('predictions', backend, Number(args.predictions), () => predictOnce(model, backend));
      model.train();
      await watch('steps', backend, Number(args.steps), handWritten(model, backend));
      await backend.dispose();
    }
  },
});

await runMain(command);
