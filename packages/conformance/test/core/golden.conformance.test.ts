import { createCpuBackend } from '@graftjs/backend-cpu';
import { memory } from '@graftjs/core';
import { describe, expect, test } from 'vitest';
import { golden } from '../../src/golden-file.ts';
import { goldenCases, runGolden, type GoldenTensor } from '../../src/golden.ts';

const backend = await createCpuBackend();

/** Loose, to find mistakes in the formulas; the derived bounds are the conformance suite's business. */
const TOLERANCE = 1e-5;

describe.each(['channels-first', 'channels-last'] as const)("PyTorch's values, %s", (layout) => {
  test.each(goldenCases(golden, layout).map((c) => [c.name, c] as const))('%s', async (_, c) => {
    const before = memory(backend).tensors;
    const { outputs, grads } = await runGolden(c, backend);
    expect(memory(backend).tensors).toBe(before);
    const compare = (what: string, got: readonly number[], { data }: GoldenTensor): void => {
      expect(got.length, what).toBe(data.length);
      got.forEach((v, i) => {
        const distance = Math.abs(v - data[i]!);
        expect(distance, `${what}[${i}]: ${v}, PyTorch ${data[i]}`).toBeLessThanOrEqual(
          TOLERANCE * (1 + Math.abs(data[i]!)),
        );
      });
    };
    for (const [name, wanted] of Object.entries(c.outputs)) compare(name, outputs[name]!, wanted);
    for (const [name, wanted] of Object.entries(c.grads))
      compare(`gradient of ${name}`, grads[name]!, wanted);
  });
});
