import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { GraftError } from '@graftjs/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cacheFolder, fileError, writeFileAtomically } from './files.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'graft-files-'));
});
afterEach(async () => rm(folder, { recursive: true, force: true }));

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
    await expect(writeFileAtomically(join(folder, 'taken'), Uint8Array.of(1))).rejects.toThrow(
      /taken is a folder, not a file$/,
    );
    expect(await readdir(folder)).toEqual(['taken']);
  });
  it('says in one line when the disk is full', async () => {
    // Linux's /dev/full is a disk that is always full.
    const open = async (): Promise<void> => writeFile('/dev/full', 'x');
    await expect(open()).rejects.toMatchObject({ code: 'ENOSPC' });
    const error = fileError('m.safetensors', await open().catch((e: unknown) => e));
    expect(error).toBeInstanceOf(GraftError);
    expect((error as Error).message).toBe(
      'm.safetensors cannot be written: the disk is full. Free some space',
    );
  });
  it('says in one line when it may not write there', async () => {
    await chmod(folder, 0o555);
    await unprivileged(() =>
      expect(writeFileAtomically(join(folder, 'a'), Uint8Array.of(1))).rejects.toThrow(
        /may not be read or written: check its permissions$/,
      ),
    );
    await chmod(folder, 0o700);
  });
  it('says in one line when the folder is a file', async () => {
    await writeFile(join(folder, 'file'), '');
    await expect(writeFileAtomically(join(folder, 'file', 'a'), Uint8Array.of(1))).rejects.toThrow(
      /a cannot be reached: a part of the path is a file, not a folder$/,
    );
  });
  it('writes to where a link points from', async () => {
    await mkdir(join(folder, 'real'));
    await symlink('real', join(folder, 'link'));
    await writeFileAtomically(join(folder, 'link', 'a'), Uint8Array.of(7));
    expect([...(await readFile(join(folder, 'real', 'a')))]).toEqual([7]);
  });
  it('lets two write the same file at a time, and keeps one of both whole', async () => {
    const path = join(folder, 'a');
    const texts = Array.from({ length: 8 }, (_, i) => String(i).repeat(100_000));
    await Promise.all(texts.map((text) => writeFileAtomically(path, text, { flush: false })));
    expect(texts).toContain(await readFile(path, 'utf8'));
    expect(await readdir(folder)).toEqual(['a']);
  });
  it('replaces what a killed run left under the name that it always takes, and follows no link', async () => {
    await writeFile(join(folder, 'precious'), 'precious');
    await symlink(join(folder, 'precious'), join(folder, '.a.tmp'));
    await writeFileAtomically(join(folder, 'a'), 'new', { temporary: join(folder, '.a.tmp') });
    expect(await readFile(join(folder, 'precious'), 'utf8')).toBe('precious');
    expect((await readdir(folder)).sort()).toEqual(['a', 'precious']);
  });
});

describe('cacheFolder', () => {
  const usual = join(homedir(), '.cache', 'graft');
  it.each([
    [{}, usual],
    [{ XDG_CACHE_HOME: '/x' }, '/x/graft'],
    [{ XDG_CACHE_HOME: 'relative' }, usual],
    [{ XDG_CACHE_HOME: '/x', GRAFT_CACHE: '/y' }, '/y'],
    // Empty is not set, as the XDG specification has it.
    [{ XDG_CACHE_HOME: '', GRAFT_CACHE: '' }, usual],
    [{ XDG_CACHE_HOME: '/x', GRAFT_CACHE: '' }, '/x/graft'],
  ])('is, with %j, %s', (env, wanted) => expect(cacheFolder(env)).toBe(wanted));
});
