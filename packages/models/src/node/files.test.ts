import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCpuBackend } from '@graftjs/backend-cpu';
import { GraftError, Linear, Sequential, setDefaultBackend } from '@graftjs/core';
import { FormatError } from '@graftjs/formats';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { loadModelFile, saveModelFile, writeFileAtomically } from './files.ts';

let folder: string;
beforeAll(async () => setDefaultBackend(await createCpuBackend()));
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'graft-files-'));
});
afterEach(async () => rm(folder, { recursive: true, force: true }));

const model = (): Sequential => new Sequential({ classifier: new Linear(3, 2) });

/** Root may read and write everything: as root, goes on as 'nobody'. */
async function unprivileged(test: () => Promise<void>): Promise<void> {
  const root = process.getuid?.() === 0;
  if (root) process.seteuid?.(65534);
  try {
    await test();
  } finally {
    if (root) process.seteuid?.(0);
  }
}

describe('model files', () => {
  it('come back', async () => {
    const path = join(folder, 'new', 'folder', 'm.safetensors');
    const made = model();
    await saveModelFile(path, made, { classes: ['a', 'b'] });
    const { model: again, info } = await loadModelFile(path);
    expect(info.classes).toEqual(['a', 'b']);
    expect([...again.stateDict().get('classifier.weight')!.dataSync()]).toEqual([
      ...made.stateDict().get('classifier.weight')!.dataSync(),
    ]);
    expect(await readdir(join(folder, 'new', 'folder'))).toEqual(['m.safetensors']);
  });
  it('that are wrong are named, with what is wrong', async () => {
    const path = join(folder, 'm.safetensors');
    await expect(loadModelFile(path)).rejects.toThrow(`cannot read ${path}: no such file or folder`);
    await expect(loadModelFile(folder)).rejects.toThrow(/it is a folder/);
    await writeFile(path, 'hello, world');
    await expect(loadModelFile(path)).rejects.toThrow(/m\.safetensors: .*not a safetensors file/);
    await expect(loadModelFile(path)).rejects.toBeInstanceOf(FormatError);
    await saveModelFile(path, model());
    const bytes = await readFile(path);
    await writeFile(path, bytes.subarray(0, bytes.length - 1));
    await expect(loadModelFile(path)).rejects.toThrow(/truncated/);
    await writeFile(path, Buffer.concat([Buffer.from([1, 1, 1, 1, 1, 1, 1, 1]), bytes.subarray(8)]));
    await expect(loadModelFile(path)).rejects.toThrow(/the limit is 100 MB/);
  });
});

describe('writeFileAtomically', () => {
  it('replaces a file, and leaves nothing else behind', async () => {
    const path = join(folder, 'a');
    await writeFileAtomically(path, Uint8Array.of(1, 2, 3));
    await writeFileAtomically(path, Uint8Array.of(4));
    expect([...(await readFile(path))]).toEqual([4]);
    expect(await readdir(folder)).toEqual(['a']);
  });
  it('keeps the old file when it cannot write the new one', async () => {
    await mkdir(join(folder, 'taken'));
    await writeFile(join(folder, 'taken', 'inside'), '');
    // A folder cannot be replaced by a file: the rename fails, at the very end.
    await expect(writeFileAtomically(join(folder, 'taken'), Uint8Array.of(1))).rejects.toBeInstanceOf(
      GraftError,
    );
    expect(await readdir(folder)).toEqual(['taken']);
  });
  it('says in one line when the disk is full', async () => {
    // Linux's /dev/full is a disk that is always full.
    const open = async (): Promise<void> => writeFile('/dev/full', 'x');
    await expect(open()).rejects.toMatchObject({ code: 'ENOSPC' });
    const { fileError } = await import('./file-errors.ts');
    const error = fileError('write', 'm.safetensors', await open().catch((e: unknown) => e));
    expect(error).toBeInstanceOf(GraftError);
    expect(error.message).toBe('cannot write m.safetensors: no space left on the disk');
  });
  it('says in one line when it may not write there', async () => {
    await chmod(folder, 0o555);
    await unprivileged(() =>
      expect(writeFileAtomically(join(folder, 'a'), Uint8Array.of(1))).rejects.toThrow(/permission denied/),
    );
    await chmod(folder, 0o700);
  });
  it('says in one line when the folder is a file', async () => {
    await writeFile(join(folder, 'file'), '');
    await expect(writeFileAtomically(join(folder, 'file', 'a'), Uint8Array.of(1))).rejects.toThrow(
      /^cannot write .*: [^\n]+$/,
    );
  });
  it('writes to where a link points from', async () => {
    await mkdir(join(folder, 'real'));
    await symlink('real', join(folder, 'link'));
    await writeFileAtomically(join(folder, 'link', 'a'), Uint8Array.of(7));
    expect([...(await readFile(join(folder, 'real', 'a')))]).toEqual([7]);
  });
});
