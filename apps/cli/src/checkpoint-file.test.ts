import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Checkpoint } from '@graftjs/core';
import { CheckpointFile } from './checkpoint-file.ts';
import { temporaryFolder } from './testing.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => folder.remove());

const open = (settings: Record<string, unknown> = {}, seconds = 0, urgent = false): CheckpointFile =>
  new CheckpointFile(join(folder.path, 'c.safetensors'), { settings, seconds, urgent: () => urgent });

const checkpoint: Checkpoint = {
  meta: '{"at":7}',
  tensors: new Map([
    ['model/w', { dtype: 'float32', shape: [2, 2], data: Float32Array.from([1, -0, NaN, 1e-45]) }],
    ['optimizer/w.step', { dtype: 'int32', shape: [], data: Int32Array.from([-5]) }],
    ['mask', { dtype: 'bool', shape: [3], data: Uint8Array.from([1, 0, 1]) }],
  ]),
};

describe('CheckpointFile', () => {
  it('gives back what it was given', async () => {
    const file = open({ '--seed': 3, '--cut': null });
    expect(await file.load()).toBeNull();
    await file.save(checkpoint);
    const back = (await file.load())!;
    expect(back.meta).toBe(checkpoint.meta);
    expect(new Map(back.tensors)).toEqual(checkpoint.tensors);
    await file.remove();
    expect(await file.load()).toBeNull();
  });

  it('saves at most every so many seconds, but at once when it is urgent', async () => {
    const slow = open({}, 60);
    await slow.save(checkpoint);
    expect([slow.saves, await slow.load()]).toEqual([0, null]);
    const urgent = open({}, 60, true);
    await urgent.save(checkpoint);
    expect(urgent.saves).toBe(1);
  });

  it("says what differs from the run it belongs to, in the command's words", async () => {
    await open({ '--seed': 3, '--base': 'a' }).save(checkpoint);
    await expect(open({ '--seed': 4, '--base': 'a' }).load()).rejects.toThrow(
      /c\.safetensors belongs to another run: --seed was 3, is 4\. Use the same settings, or start afresh with --force/,
    );
  });

  it('is refused when it is damaged or something else', async () => {
    const file = open();
    await file.save(checkpoint);
    const bytes = await readFile(file.path);
    await writeFile(file.path, bytes.subarray(0, bytes.length - 3));
    await expect(file.load()).rejects.toThrow(
      /the checkpoint .*c\.safetensors cannot be used: .*Start afresh with --force/,
    );
    await writeFile(file.path, '{}');
    await expect(file.load()).rejects.toThrow(/cannot be used/);
  });
});
