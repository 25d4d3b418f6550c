import { readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import type * as FsPromises from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { beside, checkWritable, writeAtomic } from './files.ts';
import { graft, pictureFolder, temporaryFolder, tinyBase } from './testing.ts';

// Test files share their modules. Those that see this file's disk are loaded for it alone.
vi.hoisted(() => vi.resetModules());
afterAll(() => void vi.resetModules());

/** Files whose name matches get this many bytes before the disk is full. */
let full: { name: RegExp; after: number } | null = null;

vi.mock('node:fs/promises', async (original) => {
  const fs = await original<typeof FsPromises>();
  const open: typeof fs.open = async (path, ...rest) => {
    const handle = await fs.open(path, ...rest);
    if (full?.name.test(String(path))) {
      const { after } = full;
      handle.writeFile = async (content) => {
        await handle.write((content as Uint8Array).subarray(0, after));
        throw Object.assign(new Error('ENOSPC: no space left on device, write'), {
          code: 'ENOSPC',
          syscall: 'write',
        });
      };
    }
    return handle;
  };
  return { ...fs, open };
});

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
const at = (name: string): string => join(folder.path, name);
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(async () => {
  full = null;
  await folder.remove();
});

describe('writeAtomic', () => {
  it('writes the whole file, and nothing beside it', async () => {
    await writeAtomic(at('a'), 'one');
    await writeAtomic(at('a'), new Uint8Array([116, 119, 111]));
    expect([await readFile(at('a'), 'utf8'), await readdir(folder.path)]).toEqual(['two', ['a']]);
  });

  it('leaves the old file when the disk is full', async () => {
    await writeAtomic(at('a'), 'old');
    full = { name: /\.a\.tmp$/, after: 2 };
    await expect(writeAtomic(at('a'), Buffer.from('newer'))).rejects.toThrow(
      `${at('a')} cannot be written: the disk is full. Free some space`,
    );
    expect([await readFile(at('a'), 'utf8'), await readdir(folder.path)]).toEqual(['old', ['a']]);
  });

  it('replaces what a killed run left, and follows no link', async () => {
    await writeFile(at('precious'), 'precious');
    await symlink(at('precious'), at('.a.tmp'));
    await checkWritable(at('a'));
    await symlink(at('precious'), at('.a.tmp'));
    await writeAtomic(at('a'), 'new');
    expect([await readFile(at('precious'), 'utf8'), await readFile(at('a'), 'utf8')]).toEqual([
      'precious',
      'new',
    ]);
  });

  it('names what belongs to a model after it', () => {
    expect(beside('x/m.safetensors', '.report.html')).toBe('x/m.report.html');
    expect(beside('x/model', '.report.html')).toBe('x/model.report.html');
  });
});

describe('graft train on a full disk', () => {
  const train = async (...more: string[]): Promise<{ code: number; out: string; err: string }> => {
    const photos = await pictureFolder(at('photos'), 4);
    const base = await tinyBase(at('tiny.safetensors'));
    return graft([
      'train',
      photos,
      '--out',
      at('m.safetensors'),
      '--base',
      base,
      '--size',
      '32',
      '--epochs',
      '3',
      '--checkpoint-seconds',
      '0',
      '--cache',
      'off',
      ...more,
    ]);
  };

  it('leaves no half model, and a checkpoint to go on from', async () => {
    full = { name: /\.m\.safetensors\.tmp$/, after: 100 };
    const { code, out, err } = await train();
    expect([code, out]).toEqual([1, '']);
    expect(err.trim().split('\n').at(-1)).toBe(
      `graft: ${at('m.safetensors')} cannot be written: the disk is full. Free some space`,
    );
    const left = ['m.checkpoint.safetensors', 'photos', 'tiny.safetensors'];
    expect((await readdir(folder.path)).sort()).toEqual(left);
  });

  it('goes on when only the checkpoint does not fit, and says so once', async () => {
    const sha = (text: string): unknown => (JSON.parse(text) as { sha256: string }).sha256;
    const whole = sha((await train('--json', '--force')).out);
    full = { name: /\.m\.checkpoint\.safetensors\.tmp$/, after: 100 };
    const { code, out, err } = await train('--json', '--force');
    expect([code, sha(out)]).toEqual([0, whole]);
    expect(err.match(/no checkpoint: /g)).toHaveLength(1);
    expect(err).toContain(
      `no checkpoint: ${at('m.checkpoint.safetensors')} cannot be written: the disk is full. Free some space; the training goes on`,
    );
    const left = ['m.report.html', 'm.safetensors', 'photos', 'tiny.safetensors'];
    expect((await readdir(folder.path)).sort()).toEqual(left);
  });

  it('keeps the model when only the report does not fit', async () => {
    full = { name: /report\.html\.tmp$/, after: 0 };
    const { code, err, out } = await train();
    expect([code, out]).toEqual([0, expect.not.stringContaining('report')]);
    expect(err).toContain('the model is saved, but there is no report: ');
    expect((await readdir(folder.path)).sort()).toEqual(['m.safetensors', 'photos', 'tiny.safetensors']);
  });
});
