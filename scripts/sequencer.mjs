// In which order vitest takes the files of tests: the longest first, so that no processor waits at the end for one that
// was begun late.
import { relative } from 'node:path';
import { BaseSequencer } from 'vitest/node';
import { root } from './steps.mjs';

/** The slowest files, slowest first, as the end of `npm test` lists them. A file that is missing here only comes later. */
const SLOWEST = [
  'apps/samples/node/test/outside/outside.slow.test.ts',
  'apps/samples/browser/test/trouble.slow.test.ts',
  'packages/backend-tfjs/test/tfjs-cpu.slow.test.ts',
  'apps/cli/test/interrupt.slow.test.ts',
  'apps/cli/test/onnx.slow.test.ts',
  'packages/backend-onnx/test/round-trip.slow.test.ts',
  'packages/backend-onnx/test/onnx.conformance.test.ts',
  'packages/backend-onnx/test/native.conformance.test.ts',
  'packages/formats/test/onnx/onnx.slow.test.ts',
  'packages/backend-wasm/test/wasm.conformance.test.ts',
  'packages/conformance/test/oracle.conformance.test.ts',
  'packages/backend-onnx/test/training.slow.test.ts',
  'benchmarks/browser/browser.slow.test.ts',
  'packages/conformance/test/cpu.conformance.test.ts',
  'packages/backend-tfjs/test/tfjs.conformance.test.ts',
  'packages/backend-wasm/test/training.slow.test.ts',
  'packages/backend-wasm/test/relaxed.conformance.test.ts',
  'apps/cli/src/train.slow.test.ts',
  'packages/backend-onnx/test/memory.slow.test.ts',
  'packages/conformance/test/slow/memory.slow.test.ts',
  'apps/samples/node/test/node.slow.test.ts',
  'packages/conformance/test/mutations.conformance.test.ts',
  'packages/conformance/test/slow/fashion-mnist.slow.test.ts',

  'packages/backend-webgl/test/webgl.browser.test.ts',
  'packages/conformance/test/same-model.browser.test.ts',
  'packages/backend-onnx/test/onnx.browser.test.ts',
  'packages/backend-wasm/test/wasm.browser.test.ts',
  'packages/backend-wasm/test/wasm.plain.browser.test.ts',
];

export class LongestFirst extends BaseSequencer {
  async sort(files) {
    const rank = ({ moduleId }) => {
      const at = SLOWEST.indexOf(relative(root, moduleId));
      return at < 0 ? SLOWEST.length : at;
    };
    // One project after the other where nothing else is known: files of 'unit' share a process only with their next.
    const isLast = ({ project }) => Number(project.name === 'unit');
    const others = await super.sort(files);
    return others.toSorted(
      (a, b) =>
        a.project.config.sequence.groupOrder - b.project.config.sequence.groupOrder ||
        isLast(a) - isLast(b) ||
        rank(a) - rank(b),
    );
  }
}
