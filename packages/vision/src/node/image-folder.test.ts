import { GraftError, imageNetPreprocess } from '@graftjs/core';
import { createHash } from 'node:crypto';
import {
  chmod,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DatasetError } from '../errors.ts';
import { createPicture } from '../picture.ts';
import { toInput } from '../preprocess.ts';
import { noise } from '../testing.ts';
import { decodeImage } from './decode.ts';
import { encodePng } from './encode.ts';
import { imageFolder, type ImageFolderOptions } from './image-folder.ts';

const preprocess = imageNetPreprocess({ size: 16 });
const open = (path: string, options: ImageFolderOptions = {}) =>
  imageFolder(path, { preprocess, seed: 7, ...options });

let top: string;
let next = 0;
beforeAll(async () => {
  top = await mkdtemp(join(tmpdir(), 'graft-folder-test-'));
});
afterAll(() => rm(top, { recursive: true, force: true }));

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

/** Writes files into a new folder: text, bytes, or (a number) a picture of noise from that seed. */
async function folder(files: Record<string, number | string | Uint8Array>): Promise<string> {
  const root = join(top, `f${next++}`);
  await mkdir(root);
  for (const [name, content] of Object.entries(files)) {
    const path = join(root, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, typeof content === 'number' ? await encodePng(noise(40, 24, content)) : content);
  }
  return root;
}

/** `count` pictures a class, all different. */
function pictures(classes: readonly string[], count: number, prefix = ''): Record<string, number> {
  const files: Record<string, number> = {};
  classes.forEach((name, c) => {
    for (let i = 0; i < count; i++) files[`${prefix}${name}/${i}.png`] = 1 + c * 1000 + i;
  });
  return files;
}

const names = (source: { entries: readonly { name?: string }[] } | undefined): (string | undefined)[] =>
  source ? source.entries.map((entry) => entry.name) : [];

async function failure(path: string, options: ImageFolderOptions = {}): Promise<string> {
  const error = await open(path, options).then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(GraftError);
  expect((error as Error).message).not.toContain('\n');
  return (error as Error).message.replaceAll(path, 'ROOT');
}

describe('imageFolder', () => {
  it('parts class folders, and loads what toInput makes of each file', async () => {
    const root = await folder(pictures(['dogs', 'cats', 'Ants'], 10));
    const data = await open(root);
    expect(data.classes).toEqual(['Ants', 'cats', 'dogs']);
    expect([data.train.length, data.validation!.length, data.test]).toEqual([24, 6, undefined]);
    expect(data.validation!.counts()).toEqual([2, 2, 2]);
    expect(data.train.sampleShape).toEqual([3, 16, 16]);
    expect(new Set([...names(data.train), ...names(data.validation)]).size).toBe(30);
    const two = await data.train.load([5, 0], 0);
    for (const [at, index] of [5, 0].entries()) {
      const { name, label } = data.train.entries[index]!;
      expect(name!.startsWith(`${data.classes[label]}/`)).toBe(true);
      const alone = toInput(await decodeImage(join(root, name!)), preprocess);
      expect(two.subarray(at * 768, (at + 1) * 768)).toEqual(alone);
    }
    await data.dispose();
    expect(await data.train.load([5, 0], 0)).toEqual(two);
  });

  it('parts by names and seed, wherever the folder lies and whatever the order of its files', async () => {
    const files = pictures(['a', 'b'], 12);
    const one = await open(await folder(files), { split: { validation: 0.25, test: 0.25 } });
    const back = Object.fromEntries(Object.entries(files).reverse());
    const two = await open(await folder(back), { split: { validation: 0.25, test: 0.25 } });
    for (const part of ['train', 'validation', 'test'] as const) {
      expect(names(one[part])).toEqual(names(two[part]));
      expect(one[part]!.key).toBe(two[part]!.key);
    }
    expect([one.train.length, one.validation!.length, one.test!.length]).toEqual([12, 6, 6]);
    const other = await open(await folder(files), { split: { validation: 0.25, test: 0.25 }, seed: 8 });
    expect(names(other.validation)).not.toEqual(names(one.validation));
  });

  it("numbers the pictures as a model's classes, and refuses others before it reads one", async () => {
    const root = await folder(pictures(['b', 'cafe\u0301'], 2));
    const data = await open(root, { classes: ['caf\u00e9', 'a', 'b'], split: {} });
    expect(data.classes).toEqual(['caf\u00e9', 'a', 'b']);
    expect(data.train.counts()).toEqual([2, 0, 2]);
    let read = 0;
    const onProgress = (): void => void read++;
    expect(await failure(root, { classes: ['a', 'bb', 'caf\u00e9'], onProgress })).toBe(
      "ROOT: the model does not know the class 'b' (is it 'bb'?); it knows a, bb, caf\u00e9. Rename the folders, or move them out",
    );
    expect(await failure(root, { classes: ['x', 'caf\u00e9'], onProgress })).not.toContain('is it');
    expect(read).toBe(0);
  });

  it('takes train, validation and test folders as they are', async () => {
    const root = await folder({
      ...pictures(['a', 'b'], 3, 'train/'),
      ...pictures(['a', 'b'], 2, 'val/'),
      ...pictures(['b'], 1, 'Test/'),
    });
    const data = await open(root);
    expect(data.train.counts()).toEqual([3, 3]);
    expect(data.validation!.counts()).toEqual([2, 2]);
    expect(data.test!.counts()).toEqual([0, 1]);
    expect(names(data.test)).toEqual(['Test/b/0.png']);
    for (const validation of [0.5, 0])
      expect(await failure(root, { split: { validation } })).toBe(
        `ROOT: has a folder 'val' of its own, which is measured and never trained on, so no share of ${validation} is held ` +
          'out for validation; leave that share out, or move the folder away',
      );
    expect(await failure(root, { split: { test: 0.5 } })).toMatch(/has a folder 'Test' of its own/);
  });

  it('parts the train folder where validation has none of its own', async () => {
    const root = await folder({ ...pictures(['a', 'b'], 4, 'train/'), ...pictures(['a', 'b'], 2, 'test/') });
    const data = await open(root);
    expect([data.train.length, data.validation!.length, data.test!.length]).toEqual([6, 2, 4]);
  });

  it("takes 'train' for a class among others", async () => {
    expect((await open(await folder(pictures(['bus', 'train'], 2)))).classes).toEqual(['bus', 'train']);
    expect((await open(await folder(pictures(['test', 'train'], 2)))).classes).toEqual(['test', 'train']);
  });

  it('follows links, and reports one that leads nowhere', async () => {
    const root = await folder(pictures(['a', 'b'], 2));
    await symlink(join(root, 'a', '0.png'), join(root, 'a', 'link.png'));
    await symlink(join(root, 'gone'), join(root, 'a', 'nowhere.png'));
    const data = await open(root);
    expect(data.train.length + data.validation!.length).toBe(5);
    expect(data.skipped.map((s) => s.file)).toEqual(['a/nowhere.png']);
  });

  it('names damaged pictures up front and goes on without them, unless strict', async () => {
    const whole = await encodePng(noise(40, 24, 99));
    const root = await folder({
      ...pictures(['a', 'b'], 4),
      'a/cut.png': whole.subarray(0, whole.length >> 1),
      'b/text.jpg': 'hello',
      'b/empty.jpg': '',
    });
    const progress: [number, number][] = [];
    const skips: string[] = [];
    const data = await open(root, {
      concurrency: 3,
      onProgress: (done, total) => progress.push([done, total]),
      onSkip: ({ file }) => skips.push(file),
    });
    expect(data.skipped.map((s) => s.file)).toEqual(['a/cut.png', 'b/empty.jpg', 'b/text.jpg']);
    expect(data.skipped[2]!.reason).toBe('is a text file; needed is a JPEG, PNG, WebP, AVIF or GIF picture');
    expect(skips.sort()).toEqual(data.skipped.map((s) => s.file));
    expect(progress).toEqual(Array.from({ length: 11 }, (_, i) => [i + 1, 11]));
    expect(data.train.length + data.validation!.length).toBe(8);
    expect(await failure(root, { strict: true, concurrency: 1 })).toMatch(
      /^a\/cut\.png: is cut off or damaged/,
    );
  });

  it('says in one line what is wrong with a folder, and what to do', async () => {
    const layout = "make one folder for each class, such as 'cats' and 'dogs', with the pictures in them";
    expect(await failure(join(top, 'nowhere'))).toBe('ROOT: there is no such file or folder; check the path');
    const file = join(await folder({ 'x.png': 1 }), 'x.png');
    expect(await failure(file)).toBe(
      'ROOT: is a file, not a folder; name the folder that holds one folder for each class',
    );
    expect(await failure(await folder({}))).toBe(`ROOT: is empty; ${layout}`);
    expect(await failure(await folder({ 'a.txt': '' }))).toBe(
      `ROOT: is empty but for 1 other file; ${layout}`,
    );
    expect(await failure(await folder({ 'a.png': 1, 'b.png': 2 }))).toBe(
      `ROOT: has 2 pictures but no class folders; ${layout}`,
    );
    expect(await failure(await folder(pictures(['a'], 3)))).toBe(
      "ROOT: has only one class, 'a'; add a folder with pictures of something else",
    );
    expect(await failure(await folder({ ...pictures(['a'], 3), 'b/readme.txt': '' }))).toBe(
      'ROOT/b: this class has no picture (1 of 1 file passed over: .txt, no pictures by the ending of the name); ' +
        'add JPEG, PNG, WebP, AVIF or GIF files or remove the folder',
    );
    expect(await failure(await folder({ ...pictures(['a'], 3), 'b/0.png': 'text' }))).toBe(
      "ROOT: no picture of class 'b' can be used, as all are damaged; replace them or remove the class",
    );
    expect(
      await failure(
        await folder({ ...pictures(['a', 'b'], 2, 'train/'), ...pictures(['a', 'c'], 2, 'val/') }),
      ),
    ).toBe("ROOT/val: has a class 'c' that training has not (a, b); rename or remove it");
    expect(await failure(await folder(pictures(['a', 'b'], 3)), { split: { validation: 1.5 } })).toBe(
      'the validation share must be at least 0 and below 1; got 1.5',
    );
  });

  it('wants two pictures of a class where one is held out', async () => {
    const root = await folder({ ...pictures(['a'], 5), 'b/0.png': 1 });
    expect(await failure(root)).toBe(
      "ROOT: class 'b' has only 1 usable picture; it needs at least 2, so that 1 can be held out. " +
        'Add pictures, make a folder for each part, or set the validation share to 0',
    );
    expect((await open(root, { split: { validation: 0 } })).train.length).toBe(6);
    expect((await open(root, { split: {} })).validation).toBeUndefined();
    const separate = await folder({
      ...pictures(['a', 'b'], 1, 'train/'),
      ...pictures(['a', 'b'], 1, 'valid/'),
    });
    expect((await open(separate)).train.length).toBe(2);
    expect(
      await failure(await folder(pictures(['a', 'b'], 2)), { split: { validation: 0.2, test: 0.2 } }),
    ).toContain('needs at least 3, so that 2 can be held out');
  });

  it('says which pictures have the same bytes, and goes on', async () => {
    const root = await folder({
      ...pictures(['a', 'b'], 3, 'train/'),
      ...pictures(['a', 'b'], 2, 'val/'), // as in training
      'train/b/9.png': 1, // as a/0.png
      'val/b/5.png': 77,
      'val/b/6.png': 77,
    });
    const data = await open(root);
    expect([data.train.length, data.validation!.length]).toEqual([7, 6]);
    expect(data.remarks).toEqual([
      {
        kind: 'same-picture',
        text:
          'the same bytes in train and validation, 4 pictures: what was trained on is measured, so the figures come out ' +
          'too good; remove one of each',
        files: expect.anything() as string[],
        groups: [
          ['train/a/0.png', 'train/b/9.png', 'val/a/0.png'],
          ['train/a/1.png', 'val/a/1.png'],
          ['train/b/0.png', 'val/b/0.png'],
          ['train/b/1.png', 'val/b/1.png'],
        ],
      },
      {
        kind: 'same-picture',
        text: "the same bytes in 'a' and 'b', 1 picture: only one class can be right; remove the other",
        files: ['train/a/0.png', 'train/b/9.png', 'val/a/0.png'],
        groups: [['train/a/0.png', 'train/b/9.png', 'val/a/0.png']],
      },
      {
        kind: 'same-picture',
        text: 'the same bytes more than once in a class, 1 picture: each copy counts; remove what is too many',
        files: ['val/b/5.png', 'val/b/6.png'],
        groups: [['val/b/5.png', 'val/b/6.png']],
      },
    ]);
  });

  it('keeps copies of a picture on one side of a split, where there are others', async () => {
    const files = pictures(['a', 'b'], 4);
    for (let i = 0; i < 4; i++) files[`a/copy ${i}.png`] = 1 + i;
    for (let seed = 0; seed < 5; seed++) {
      const data = await open(await folder(files), { seed, split: { validation: 0.5 } });
      expect([data.train.length, data.validation!.length]).toEqual([6, 6]);
      expect(data.remarks.map(({ text }) => text)).toEqual([
        'the same bytes more than once in a class, 4 pictures: each copy counts; remove what is too many',
      ]);
    }
    const one = await open(await folder({ 'a/0.png': 1, 'a/1.png': 1, 'b/0.png': 2, 'b/1.png': 3 }));
    expect([one.train.length, one.validation!.length]).toEqual([2, 2]);
    expect(one.remarks.map(({ text }) => text)).toEqual([
      expect.stringMatching(/^the same bytes in train and validation, 1/),
    ]);
  });

  it('reports folders and files without permission', async () => {
    const root = await folder(pictures(['a', 'b'], 3));
    await chmod(top, 0o755);
    await chmod(join(root, 'a', '0.png'), 0);
    await unprivileged(async () => {
      expect((await open(root)).skipped[0]!.reason).toContain('permission denied');
    });
    await chmod(join(root, 'b'), 0);
    await unprivileged(async () => {
      expect(await failure(root)).toBe('ROOT/b: cannot be read: permission denied; change its permissions');
    });
    await chmod(join(root, 'b'), 0o755);
  });

  it('gives every view the same pixels whenever it is asked for', async () => {
    const root = await folder(pictures(['a', 'b'], 4));
    const augment = { flip: 'both', rotate: 30, scale: [0.8, 1.5], brightness: 0.3 } as const;
    const data = await open(root, { augment });
    const batch = await data.train.load([0, 1, 2, 3], 2);
    expect(await data.train.load([0, 1, 2, 3], 2)).toEqual(batch);
    expect(await data.train.load([3], 2)).toEqual(batch.slice(3 * 768));
    expect(await data.train.load([3], 1)).not.toEqual(batch.slice(3 * 768));
    const again = await open(root, { augment, concurrency: 1, memoryLimit: 0 });
    expect(await again.train.load([0, 1, 2, 3], 2)).toEqual(batch);
    // The plain view is the same with and without augmentation, and validation is never augmented.
    const plain = await open(root);
    expect(await plain.train.load([1], 0)).toEqual(await data.train.load([1], 0));
    expect(await data.validation!.load([0], 5)).toEqual(await data.validation!.load([0], 0));
    await again.dispose();
  });

  it('has a key that changes with contents, preprocessing, augmentation and seed only', async () => {
    const root = await folder(pictures(['a', 'b'], 3));
    const split = { validation: 0 };
    const key = (await open(root, { split })).train.key;
    expect(key).toMatch(/^[0-9a-f]{64}$/);
    const copy = join(top, 'copy');
    await cp(root, copy, { recursive: true });
    expect((await open(copy, { split })).train.key).toBe(key);
    const keys = [
      key,
      (await open(root, { split, preprocess: { ...preprocess, size: 17 } })).train.key,
      (await open(root, { split, preprocess: { ...preprocess, fit: 'pad' } })).train.key,
      (await open(root, { split, preprocess: { ...preprocess, mean: [0, 0, 0] } })).train.key,
      (await open(root, { split, augment: { rotate: 3 } })).train.key,
      (await open(root, { split, augment: { rotate: 4 } })).train.key,
      (await open(root, { split, augment: { rotate: 3 }, seed: 1 })).train.key,
    ];
    await writeFile(join(root, 'a', '0.png'), await encodePng(noise(40, 24, 4321)));
    keys.push((await open(root, { split })).train.key);
    expect(new Set(keys).size).toBe(keys.length);
    await rename(join(root, 'a', '2.png'), join(root, 'a', '2b.png'));
    expect((await open(root, { split })).train.key).toBe(keys.at(-1));
  });

  it('keeps what does not fit in memory in a temporary folder, and removes it', async () => {
    const temporary = async () =>
      (await readdir(tmpdir())).filter((name) => name.startsWith('graft-pictures-'));
    const before = await temporary();
    const root = await folder(pictures(['a', 'b'], 4));
    const data = await open(root, { memoryLimit: 3 * 768 });
    const made = (await temporary()).filter((name) => !before.includes(name));
    expect(made).toHaveLength(1);
    expect(await readdir(join(tmpdir(), made[0]!))).toHaveLength(5);
    const plain = await open(root);
    expect(await data.train.load([0, 1, 2, 3, 4, 5], 0)).toEqual(
      await plain.train.load([0, 1, 2, 3, 4, 5], 0),
    );
    await data.dispose();
    expect(await temporary()).not.toContain(made[0]);
  });

  it('finds decoded pictures again in a cache folder, and does without a damaged one', async () => {
    const root = await folder(pictures(['a', 'b'], 4));
    const cacheDir = join(top, 'cache');
    const first = await open(root, { cacheDir });
    const batch = await first.train.load([0, 1, 2], 0);
    const kept = await readdir(cacheDir);
    expect(kept).toHaveLength(8);
    expect(kept.every((name) => /^[0-9a-f]{64}\.rgb$/.test(name))).toBe(true);
    await writeFile(join(cacheDir, kept[0]!), 'half');
    const second = await open(root, { cacheDir });
    expect(await second.train.load([0, 1, 2], 0)).toEqual(batch);
    await first.dispose();
    expect(await readdir(cacheDir)).toEqual(kept);
    // One that a newer Graft has written must not be replaced.
    const bytes = await readFile(join(cacheDir, kept[0]!));
    bytes.writeUInt32LE(3, 36);
    createHash('sha256').update(bytes.subarray(36)).digest().copy(bytes, 4);
    await writeFile(join(cacheDir, kept[0]!), bytes);
    expect(await failure(root, { cacheDir })).toMatch(
      /cache: this picture cache was written by a newer Graft \(picture cache format 3, this one reads up to 2\): update Graft, or name another folder$/,
    );
    await writeFile(join(top, 'blocked'), '');
    expect(await failure(root, { cacheDir: join(top, 'blocked', 'x') })).toContain('cache cannot be written');
  });

  it('takes the same picture several times', async () => {
    const files = Object.fromEntries(
      ['a', 'b'].flatMap((name) => Array.from({ length: 12 }, (_, i) => [`${name}/${i}.png`, 5])),
    );
    const root = await folder(files);
    for (const options of [{ memoryLimit: 0 }, { cacheDir: join(top, 'same') }]) {
      const data = await open(root, { ...options, concurrency: 8 });
      expect([data.skipped, data.train.length]).toEqual([[], 20]);
      const two = await data.train.load([0, 19], 0);
      expect(two.subarray(0, 768)).toEqual(two.subarray(768));
      await data.dispose();
    }
  });

  it('notices a picture that changed after it was read', async () => {
    const root = await folder(pictures(['a', 'b'], 2));
    const data = await open(root);
    await data.dispose();
    const { name } = data.train.entries[0]!;
    await writeFile(join(root, name!), await encodePng(createPicture(9, 9)));
    await expect(data.train.load([0], 0)).rejects.toThrow(`${name}: has changed since the folder was read`);
    expect(DatasetError.prototype).toBeInstanceOf(GraftError);
  });
});
