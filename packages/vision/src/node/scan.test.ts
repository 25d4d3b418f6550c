import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DatasetError } from '../errors.ts';
import { scanFolder, type Scan } from './scan.ts';

let top: string;
let next = 0;
beforeAll(async () => {
  top = await mkdtemp(join(tmpdir(), 'graft-scan-test-'));
});
afterAll(() => rm(top, { recursive: true, force: true }));

/** A folder with empty files of these names; `…/` makes an empty folder, `a/{1,2}.png` two files. */
async function folder(...names: readonly string[]): Promise<string> {
  const root = join(top, `f${next++}`);
  await mkdir(root);
  for (const pattern of names) {
    const choice = /^(.*)\{(.*)\}(.*)$/s.exec(pattern);
    const all = choice ? choice[2]!.split(',').map((one) => choice[1]! + one + choice[3]!) : [pattern];
    for (const name of all) {
      if (name.endsWith('/')) await mkdir(join(root, name), { recursive: true });
      else {
        await mkdir(dirname(join(root, name)), { recursive: true });
        await writeFile(join(root, name), '');
      }
    }
  }
  return root;
}

const texts = ({ remarks }: Scan): string[] => remarks.map(({ text }) => text);
/** How many pictures each part has of each class. */
const counts = ({ classes, files }: Scan): Record<string, number[]> => {
  const out: Record<string, number[]> = {};
  for (const { part, label } of files) (out[part] ??= classes.map(() => 0))[label]!++;
  return out;
};
async function failure(path: string, minClasses?: number): Promise<string> {
  const error: unknown = await scanFolder(path, minClasses).then(
    () => 'nothing thrown',
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(DatasetError);
  return (error as Error).message.replaceAll(path, 'ROOT');
}

describe('class folders', () => {
  it('take the pictures of the folders inside them, and say so', async () => {
    const scan = await scanFolder(
      await folder('cats/{1,2,3}.jpg', 'cats/2019/{1,2}.jpg', 'cats/2019/june/1.jpg', 'dogs/{x,y}/1.jpg'),
    );
    expect([scan.classes, counts(scan)]).toEqual([['cats', 'dogs'], { train: [6, 2] }]);
    expect(scan.remarks).toEqual([
      {
        kind: 'layout',
        text: "3 of 6 pictures in 'cats' lie in folders inside it: they belong to the class",
        files: ['cats/2019/1.jpg', 'cats/2019/2.jpg', 'cats/2019/june/1.jpg'],
      },
      {
        kind: 'layout',
        text: "2 of 2 pictures in 'dogs' lie in folders inside it: they belong to the class",
        files: ['dogs/x/1.jpg', 'dogs/y/1.jpg'],
      },
    ]);
  });

  it('name what is passed over, by ending and with what to do', async () => {
    const scan = await scanFolder(
      await folder(
        'a/{1,2,3,4,5,6}.jpg',
        'b/{1,2,3,4,5,6}.jpg',
        'a/{1,2,3,4}.HEIC',
        'b/in/{1,2,3,4}.heic',
        'a/clip.mp4',
        'labels.csv',
        'b/picture',
        'x.webp',
      ),
    );
    expect(scan.files).toHaveLength(12);
    expect(scan.remarks).toEqual([
      {
        kind: 'passed-over',
        text: '1 picture beside the class folders, of no class: move it into the folder of its class',
        files: ['x.webp'],
      },
      {
        kind: 'passed-over',
        text:
          '8 of 24 files passed over: .HEIC, HEIC pictures, which are not decoded: convert them to JPEG, with ' +
          "'heif-convert', or on a Mac with 'sips -s format jpeg'",
        files: [1, 2, 3, 4].map((i) => `a/${i}.HEIC`).concat([1, 2, 3, 4].map((i) => `b/in/${i}.heic`)),
      },
      {
        kind: 'passed-over',
        text:
          "1 of 24 files passed over: files without an ending: a picture's name ends in .jpg, .png or the like; rename " +
          'those that are pictures',
        files: ['b/picture'],
      },
      {
        kind: 'passed-over',
        text: '1 of 24 files passed over: .csv, no pictures by the ending of the name',
        files: ['labels.csv'],
      },
      {
        kind: 'passed-over',
        text: '1 of 24 files passed over: .mp4, films: take single pictures out of it',
        files: ['a/clip.mp4'],
      },
    ]);
    expect(await failure(await folder('a/1.jpg', 'b/{1,2}.heic'))).toMatch(
      /^ROOT\/b: this class has no picture \(2 of 2 files passed over: \.heic, HEIC .* convert them to JPEG.*\); add JPEG/,
    );
  });

  it('pass over what systems leave behind without a word, and hidden pictures with one', async () => {
    const scan = await scanFolder(
      await folder(
        ...['a/{1,2}.png', 'b/{1,2}.png', '.DS_Store', 'a/._1.png', 'Thumbs.db', 'a/desktop.ini', 'a/Icon\r'],
        ...['__MACOSX/a/._1.png', '.git/config', 'a/@eaDir/1.png/SYNOPHOTO_THUMB_M.jpg', 'lost+found/'],
        ...['a/.3.png', '.c/{1,2}.png'],
      ),
    );
    expect([scan.classes, counts(scan)]).toEqual([['a', 'b'], { train: [2, 2] }]);
    expect(scan.remarks).toEqual([
      {
        kind: 'passed-over',
        text: '3 hidden pictures passed over: a name, or that of the folder, begins with a dot',
        files: ['.c/1.png', '.c/2.png', 'a/.3.png'],
      },
    ]);
  });

  it('are not walked round in a circle', async () => {
    const root = await folder('a/{1,2}.png', 'b/1.png', 'b/in/1.png');
    await symlink('..', join(root, 'a', 'up'));
    await symlink('.', join(root, 'b', 'self'));
    await symlink('in', join(root, 'b', 'other'));
    await symlink('../../b', join(root, 'b', 'in', 'back'));
    await symlink('.', join(root, 'all'));
    await symlink('nowhere', join(root, 'b', 'broken'));
    const scan = await scanFolder(root);
    expect([scan.classes, counts(scan)]).toEqual([['a', 'b'], { train: [2, 2] }]);
    const link = scan.remarks.find(({ text }) => text.includes('not followed'))!;
    expect(link.text).toBe('5 links not followed, back to a folder that is read already');
    expect([...link.files].sort()).toEqual(['a/up', 'all', 'b/in/back', 'b/other', 'b/self'].sort());
  });

  it('of names with one letter written in two ways are one class, in every part', async () => {
    const [composed, decomposed] = ['caf\u00e9', 'cafe\u0301'];
    const scan = await scanFolder(
      await folder(
        ...[
          `train/${decomposed}/{1,2}.png`,
          'train/tea/1.png',
          `val/${composed}/1.png`,
          `test/${decomposed}/1.png`,
        ],
        `test/${composed}/{1,2}.png`,
      ),
    );
    expect(scan.classes).toEqual([composed, 'tea']);
    expect(counts(scan)).toEqual({ train: [2, 1], validation: [1, 0], test: [3, 0] });
    expect(new Set(scan.files.map(({ name }) => name)).size).toBe(7);
    expect(texts(scan)).toContain(
      `'${composed}' is the name of 2 folders, its accents written in different ways: they are one class`,
    );
  });

  it.skipIf(process.platform !== 'linux')('whose names are no UTF-8 are named, with what to do', async () => {
    const root = await folder('a/1.png', 'b/1.png');
    await mkdir(Buffer.concat([Buffer.from(`${root}/c`), Buffer.from([0xe9])]));
    expect(await failure(root)).toBe('ROOT/c\ufffd: has a name that is no UTF-8; rename it');
  });

  it('may be called anything', async () => {
    const names = [
      'constructor',
      '__proto__',
      'toString',
      'hasOwnProperty',
      'Constructor',
      'a\nb',
      '😀',
      '\u05d0',
      ' ',
    ];
    const scan = await scanFolder(await folder(...names.map((name) => `${name}/1.png`)));
    expect(scan.classes).toEqual([...names].sort((a, b) => (a < b ? -1 : 1)));
    expect(counts(scan)).toEqual({ train: names.map(() => 1) });
    expect(scan.remarks).toEqual([]);
  });
});

describe('a folder around the classes', () => {
  it('is gone into, and named', async () => {
    for (const around of ['photos', 'x/y/photos']) {
      const scan = await scanFolder(await folder(`${around}/{a,b}/1.png`, 'readme.txt', '__MACOSX/._photos'));
      expect([scan.classes, scan.files[0]!.name]).toEqual([['a', 'b'], `${around}/a/1.png`]);
      expect(texts(scan)).toEqual([
        `one folder down, in '${around}', are the classes: they are read there`,
        '1 of 3 files passed over: .txt, no pictures by the ending of the name',
      ]);
    }
    const parts = await scanFolder(await folder('zip/train/{a,b}/1.png', 'zip/val/{a,b}/1.png'));
    expect(counts(parts)).toEqual({ train: [1, 1], validation: [1, 1] });
  });

  it('of one class is said to be one, with the folder to give where it may hold the classes', async () => {
    expect(await failure(await folder('photos/1.png', 'photos/{a,b}/1.png'))).toBe(
      "ROOT: has only one class, 'photos'; add a folder with pictures of something else, or if 'a' and 'b' are the " +
        'classes, give ROOT/photos',
    );
    expect(await failure(await folder('zip/photos/{1,2}.png'))).toBe(
      "ROOT/zip: has only one class, 'photos'; add a folder with pictures of something else",
    );
    expect((await scanFolder(await folder('cats/{1,2}.png', 'cats/2019/1.png'), 1)).classes).toEqual([
      'cats',
    ]);
  });
});

describe('folders of the parts', () => {
  it.each<[string, Record<string, number[]>]>([
    ['train val', { train: [1, 1], validation: [1, 1] }],
    ['Train Valid TEST', { train: [1, 1], validation: [1, 1], test: [1, 1] }],
    ['training validation testing', { train: [1, 1], validation: [1, 1], test: [1, 1] }],
    ['train dev eval', { train: [1, 1], validation: [1, 1], test: [1, 1] }],
    ['training_set/training_set test_set/test_set', { train: [1, 1], test: [1, 1] }],
    ['seg_train seg_test', { train: [1, 1], test: [1, 1] }],
    ['train', { train: [1, 1] }],
  ])('%s', async (folders, expected) => {
    const scan = await scanFolder(await folder(...folders.split(' ').map((f) => `${f}/{a,b}/1.png`)));
    expect([scan.classes, counts(scan), scan.remarks]).toEqual([['a', 'b'], expected, []]);
  });

  it('are taken, and the folders and files beside them are named', async () => {
    const scan = await scanFolder(
      await folder(
        ...['train/{a,b}/1.png', 'val/a/1.png', 'logs/events.out', 'holdout/{a,b}/1.png', 'test/{1,2,3}.png'],
        ...['train/loose.png', 'loose.png', 'val/logs/run.txt'],
      ),
    );
    expect(counts(scan)).toEqual({ train: [1, 1], validation: [1, 0] });
    expect(texts(scan)).toEqual([
      "the folder 'holdout', with 2 pictures, is passed over: its name stands for none of train, val and test",
      "the folder 'logs', with 0 pictures, is passed over: its name stands for none of train, val and test",
      "the folder 'test', with 3 pictures, is passed over: it has no class folders",
      "val has no picture of 'b'",
      '2 pictures beside the class folders, of no class: move each into the folder of its class',
      '1 of 6 files passed over: .txt, no pictures by the ending of the name',
    ]);
  });

  it('are classes if they hold pictures', async () => {
    expect((await scanFolder(await folder('train/1.png', 'bus/1.png'))).classes).toEqual(['bus', 'train']);
    expect((await scanFolder(await folder('train/1.png', 'test/1.png'))).classes).toEqual(['test', 'train']);
    const nested = await scanFolder(await folder('train/1.png', 'train/2019/1.png', 'bus/1.png'));
    expect([nested.classes, counts(nested)]).toEqual([['bus', 'train'], { train: [1, 2] }]);
    const known = await scanFolder(await folder('train/{x,y}/1.png', 'bus/1.png'), 1, ['bus', 'train']);
    expect(counts(known)).toEqual({ train: [1, 2] });
  });

  it('are asked about where they could be either', async () => {
    expect(await failure(await folder('train/{2019,2020}/1.png', 'bus/1.png'))).toBe(
      "ROOT: is 'train' a class beside 'bus', or does it hold the classes '2019' and '2020'? Give ROOT/train as the " +
        "folder, or put the pictures of 'train' straight into it",
    );
    expect(await failure(await folder('val/{a,b}/1.png', 'test/{a,b}/1.png'))).toBe(
      "ROOT: has the folders 'val' and 'test' but no 'train'; add it, or give one of them as the folder",
    );
    expect(await failure(await folder('train/{a,b}/1.png', 'val/a/1.png', 'valid/a/1.png'))).toBe(
      "ROOT: 'val' and 'valid' both stand for validation; keep one of them, or give one as the folder",
    );
  });
});
