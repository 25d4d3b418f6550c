import { describe, expect, it } from 'vitest';
import { fuzz } from './fuzz/fuzz.ts';

describe('500 damaged files: checkpoints, safetensors, ONNX, TensorFlow.js, pictures', () => {
  // `ulimit -d` is Linux's.
  it.runIf(process.platform === 'linux')(
    'are read and run once in 1 GB: none aborts, hangs, or gives an error that is not one line of Graft',
    async () => {
      const { files, ran, refused, culprits } = await fuzz(1, 500, 250);
      expect(culprits).toEqual([]);
      expect(ran + refused).toBe(files);
      // Damage that nothing notices is part of it: such files are run.
      expect(ran).toBeGreaterThan(25);
      expect(refused).toBeGreaterThan(100);
    },
  );
});
