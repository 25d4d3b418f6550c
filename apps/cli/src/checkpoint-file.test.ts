import { CheckpointError, type Checkpoint } from '@graftjs/core';
import { writeSafetensors } from '@graftjs/formats';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CheckpointFile, readCheckpoint, writeCheckpoint } from './checkpoint-file.ts';
import { temporaryFolder } from './testing.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => folder.remove());

const open = (settings: Record<string, unknown> = {}, seconds = 0): CheckpointFile =>
  new CheckpointFile(join(folder.path, 'c.safetensors'), { settings, seconds });

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

  it('is due every so many seconds', async () => {
    const [slow, fast] = [open({}, 60), open({}, 0)];
    expect([slow.due(), fast.due()]).toEqual([false, true]);
    // `fit` asks, unless it is being stopped.
    await slow.save(checkpoint);
    expect([slow.saves, await slow.load()]).toEqual([1, checkpoint]);
  });

  it('that cannot be written is said once, keeps the last one, and ends nothing', async () => {
    const warnings: string[] = [];
    const path = join(folder.path, 'c.safetensors');
    const file = new CheckpointFile(path, { settings: {}, seconds: 0, onWarning: (w) => warnings.push(w) });
    await file.save(checkpoint);
    const temporary = join(folder.path, '.c.safetensors.tmp');
    await mkdir(temporary); // where the new one would go
    await file.save({ ...checkpoint, meta: '{}' });
    await file.save({ ...checkpoint, meta: '{}' });
    expect([file.saves, await file.load()]).toEqual([1, checkpoint]);
    expect(warnings).toEqual([
      expect.stringMatching(/^no checkpoint: .*; the training goes on, but cannot be/),
    ]);
    await rm(temporary, { recursive: true });
    await file.save({ ...checkpoint, meta: '{}' });
    expect([file.saves, (await file.load())!.meta]).toEqual([2, '{}']);
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
      /the checkpoint .*c\.safetensors cannot be used: it is damaged: .*Start afresh with --force/,
    );
    await writeFile(file.path, '{}');
    await expect(file.load()).rejects.toThrow(/cannot be used/);
  });
});

describe('readCheckpoint', () => {
  const good = writeCheckpoint({ settings: { '--seed': 3, '"sha256":"': 'x' }, checkpoint });
  const refused = (bytes: Uint8Array, message: RegExp): void => {
    expect(() => readCheckpoint(bytes)).toThrow(CheckpointError);
    expect(() => readCheckpoint(bytes)).toThrow(message);
  };

  it('refuses any bit that is flipped, any cut and anything more', () => {
    expect(readCheckpoint(good).checkpoint).toEqual(checkpoint);
    for (let i = 0; i < good.length; i++) {
      const bytes = good.slice();
      bytes[i]! ^= 1 << (i % 8);
      refused(bytes, /^(it is|this checkpoint was written by a newer Graft) /);
      refused(good.subarray(0, i), /^it is damaged: /);
    }
    refused(Uint8Array.from([...good, 0]), /^it is damaged: /);
  });

  it('names the format of another version', () => {
    const as = (format: string): Uint8Array => {
      const text = Buffer.from(good).toString('latin1').replace('graft-checkpoint/2', format);
      return new Uint8Array(Buffer.from(text, 'latin1'));
    };
    refused(
      as('graft-checkpoint/1'),
      /"graft-checkpoint\/1", not graft-checkpoint\/2\), by an earlier version/,
    );
    refused(
      as('graft-checkpoint/3'),
      /^this checkpoint was written by a newer Graft \(checkpoint format 3, this one reads up to 2\): update Graft$/,
    );
    const needing = writeSafetensors(new Map(), { format: 'graft-checkpoint/12', needs: '0.4.0' });
    refused(needing, /\(checkpoint format 12, .*\): update Graft to version 0\.4\.0 or newer$/);
  });
});
