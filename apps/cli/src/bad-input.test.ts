import { spawnSync } from 'node:child_process';
import { chmod, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  expectRefused,
  graft,
  picture,
  pictureFolder,
  temporaryFolder,
  tinyBase,
  type Captured,
} from './testing.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let [photos, base, out] = ['', '', ''];
const at = (name: string): string => join(folder.path, name);

beforeAll(async () => {
  folder = await temporaryFolder();
  photos = await pictureFolder(at('photos'), 6);
  base = await tinyBase(at('tiny.safetensors'));
});
beforeEach(async () => {
  out = at('out/model.safetensors');
  await rm(at('out'), { recursive: true, force: true });
  await mkdir(at('out'));
});
afterAll(() => folder.remove());

const options = (): string[] => ['--base', base, '--size', '32', '--epochs', '3', '--cache', 'off'];
const train = (path: string, ...more: string[]): Promise<Captured> =>
  graft(['train', path, '--out', out, ...options(), ...more]);

const refused = (result: Captured, code: number, message: RegExp): Promise<void> =>
  expectRefused(result, code, message, at('out'));

/** A folder with three good classes and something more in one of them. */
async function photosWith(name: string, file: string, content: Uint8Array | string): Promise<string> {
  const path = await pictureFolder(at(name), 4);
  await writeFile(join(path, 'red', file), content);
  return path;
}

/** A PNG that claims to be 20,000 × 20,000 and is: one bit a pixel, all of them zero. */
function hugePng(): Buffer {
  const chunk = (type: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    const ends = [Buffer.alloc(4), Buffer.alloc(4)] as const;
    ends[0].writeUInt32BE(data.length);
    ends[1].writeUInt32BE(crc32(body));
    return Buffer.concat([ends[0], body, ends[1]]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(20_000, 0);
  header.writeUInt32BE(20_000, 4);
  header[8] = 1;
  const data = deflateSync(Buffer.alloc(20_000 * 2501));
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', data),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** A JPEG of noise, written by the library's own encoder of thumbnails. */
async function jpeg(): Promise<Buffer> {
  const { decodeImage, thumbnail } = await import('@graftjs/vision/node');
  return Buffer.from(await thumbnail(await decodeImage(await picture([90, 90, 90], 7, 64)), 64));
}

describe('folders that cannot be trained on', () => {
  it.each<[string, () => Promise<string> | string, RegExp]>([
    ['missing', () => at('nowhere'), /nowhere: there is no such file or folder/],
    ['a file', () => base, /is a file, not a folder/],
    [
      'empty',
      async () => (await mkdir(at('empty'), { recursive: true }), at('empty')),
      /is empty; make one folder for each class/,
    ],
    [
      'without class folders',
      () => at('photos/red'),
      /has 6 pictures but no class folders; make one folder for each class/,
    ],
    ['with one class', () => pictureFolder(at('one'), 4, ['red']), /has only one class, 'red'; add a folder/],
    [
      'with an empty class',
      async () => (await mkdir(at('hole/void'), { recursive: true }), pictureFolder(at('hole'), 4)),
      /void: this class has no picture/,
    ],
    [
      'with a class of one picture',
      async () => (
        await pictureFolder(at('single'), 4),
        await pictureFolder(at('single'), 1, ['red']),
        rm(at('single/red/1.png')),
        rm(at('single/red/2.png')),
        rm(at('single/red/3.png')),
        at('single')
      ),
      /class 'red' has only 1 usable picture; it needs at least 2/,
    ],
  ])('%s', async (_, make, message) => {
    await refused(await train(await make()), 1, message);
    await refused(await train(await make(), '--json'), 1, message);
  });

  it('a class of one picture is enough with --validation 0', async () => {
    await pictureFolder(at('lone'), 4, ['blue']);
    await pictureFolder(at('lone'), 1, ['red']);
    expect((await train(at('lone'), '--validation', '0')).code).toBe(0);
  });
});

describe('pictures that cannot be used are named, counted and left out; --strict stops', () => {
  it.each<[string, string, () => Promise<string | Uint8Array> | string | Uint8Array, RegExp]>([
    [
      'a truncated JPEG',
      'cut.jpg',
      async () => (await jpeg()).subarray(0, 900),
      /red\/cut\.jpg: is cut off or damaged \(JPEG: its end is missing\); make/,
    ],
    [
      'a corrupt JPEG',
      'bad.jpg',
      () => Buffer.from('\xff\xd8\xff\xe0 nothing that follows is a picture', 'latin1'),
      /red\/bad\.jpg: is (cut off or )?damaged/,
    ],
    ['a text file', 'text.jpg', () => 'not a picture\n', /red\/text\.jpg: is a text file/],
    ['an empty file', 'none.jpg', () => '', /red\/none\.jpg: is empty/],
    [
      'a 20,000 × 20,000 PNG',
      'huge.png',
      hugePng,
      /red\/huge\.png: has 20000 × 20000 pixels, 400 million; the limit is 100 million\. Scale it down to 10000 × 10000 or less\n/,
    ],
  ])('%s', async (title, file, content, message) => {
    const path = await photosWith(`bad ${title}`, file, await content());
    const lenient = await train(path, '--json');
    expect(lenient.code).toBe(0);
    expect(lenient.err).toMatch(/^1 picture left out:\n/);
    expect(lenient.err).toMatch(message);
    expect(JSON.parse(lenient.out)).toMatchObject({ skipped: 1, train: 9, validation: 3 });
    expect(await readFile(at('out/model.report.html'), 'utf8')).toContain(file);
    await rm(at('out'), { recursive: true });
    await mkdir(at('out'));
    await refused(await train(path, '--strict'), 1, message);
  });

  it('a link to nowhere, and a folder called .jpg', async () => {
    const path = await pictureFolder(at('links'), 4);
    await symlink(at('nowhere.jpg'), join(path, 'red/link.jpg'));
    await mkdir(join(path, 'red/folder.jpg'), { recursive: true });
    const { code, err } = await train(path);
    expect([code, err]).toEqual([
      0,
      expect.stringMatching(/^1 picture left out:\n {2}red\/link\.jpg: there is no such file/),
    ]);
  });

  it.skipIf(process.getuid?.() !== 0)('a file that may not be read (as another user)', async () => {
    const path = await pictureFolder(at('locked'), 4);
    await chmod(folder.path, 0o755);
    await chmod(join(path, 'red/0.png'), 0o000);
    await mkdir(at('theirs'));
    await chmod(at('theirs'), 0o777);
    await chmod(base, 0o644);
    const script = `process.setgid(65534); process.setuid(65534);
      const { run } = await import(${JSON.stringify(new URL('./run.ts', import.meta.url).href)});
      const output = (s) => ({ write: (t) => void s.write(t), isTTY: false, columns: 80 });
      process.exitCode = await run(process.argv.slice(1), { stdout: output(process.stdout), stderr: output(process.stderr), env: {}, onInterrupt: () => () => undefined });`;
    const child = spawnSync(
      process.execPath,
      [
        '--conditions=@graftjs/source',
        '--import',
        'tsx',
        '--input-type=module',
        '-e',
        script,
        'train',
        path,
        '--out',
        at('theirs/model.safetensors'),
        ...options(),
      ],
      {
        encoding: 'utf8',
        cwd: new URL('..', import.meta.url),
        env: { ...process.env, TMPDIR: at('theirs'), TSX_DISABLE_CACHE: '1' },
      },
    );
    expect([child.status, child.stderr]).toEqual([
      0,
      expect.stringMatching(/^1 picture left out:\n {2}red\/0\.png: cannot be read: permission denied/),
    ]);
  });

  it('all pictures of a class', async () => {
    const path = await pictureFolder(at('allbad'), 4, ['blue', 'green']);
    await mkdir(join(path, 'red'), { recursive: true });
    await writeFile(join(path, 'red/a.jpg'), 'x');
    const { code, err, out: stdout } = await train(path);
    expect([code, stdout]).toEqual([1, '']);
    expect(err).toMatch(/graft: .*no picture of class 'red' can be used/);
  });
});

describe('--out', () => {
  it('in a folder that is not there', async () => {
    out = at('out/no/such/model.safetensors');
    await refused(
      await train(photos),
      1,
      /the folder .*out\/no\/such for --out does not exist; create it first/,
    );
  });

  it('under a file', async () => {
    out = join(base, 'model.safetensors');
    await refused(
      await train(photos),
      1,
      /tiny\.safetensors is a file, so .* cannot be written|a part of the path is a file/,
    );
  });

  it('that ends as another format', async () => {
    for (const [name, message] of [
      [
        'm.onnx',
        /m\.onnx does not end in \.safetensors, .*: say --out \S+m\.safetensors, then graft convert \S+m\.safetensors \S+m\.onnx$/m,
      ],
      ['m.h5', /m\.h5 does not end in \.safetensors, .*: say --out \S+m\.safetensors$/m],
      ['pets', /pets does not end in \.safetensors, .*: say --out \S+pets\.safetensors$/m],
      ['v1.2', /say --out \S+v1\.2\.safetensors$/m],
      ['a b.onnx', /then graft convert '\S+a b\.safetensors' '\S+a b\.onnx'$/m],
    ] as const)
      await refused(await graft(['train', at('photos'), '--out', join(at('out'), name)]), 2, message);
  });
  it('that is a folder', async () => {
    out = at('photos');
    await refused(await train(photos), 1, /photos is a folder; --out wants a file, such as/);
  });

  it('missing', async () => {
    await refused(await graft(['train', photos]), 2, /say where the model goes: --out model\.safetensors/);
  });

  it('in a place where nobody can write', async () => {
    out = '/proc/model.safetensors';
    await refused(
      await train(photos),
      1,
      /\/proc\/model\.safetensors (does not exist|may not be|cannot be written)/,
    );
  });

  it('exists', async () => {
    await writeFile(out, 'precious');
    const before = await readFile(out);
    const { code, err } = await train(photos);
    expect([code, err]).toEqual([
      1,
      `graft: ${out} exists already; add --force to replace it, or choose another --out\n`,
    ]);
    expect(await readFile(out)).toEqual(before);
  });
});

describe('names that are not there', () => {
  it.each<[string, string[], number, RegExp]>([
    ['a base', ['--base', 'coco-mobilnet-v3'], 1, /unknown base 'coco-mobilnet-v3'; .*'coco-mobilenet-v3'/],
    ['a base that is a file', ['--base', './nowhere.safetensors'], 1, /nowhere\.safetensors does not exist/],
    ['a cut', ['--cut', 'conv3'], 1, /unknown layer 'conv3'; the nearest are 'conv1'/],
    [
      'a layer to unlock from',
      ['--unlock-from', 'relu'],
      1,
      /unknown layer 'relu'; the nearest are 'relu1', 'relu2'/,
    ],
    [
      'a layer behind the cut',
      ['--cut', 'relu1', '--unlock-from', 'conv2'],
      1,
      /--unlock-from conv2 lies behind the cut at relu1/,
    ],
    ['a backend', ['--backend', 'gpu'], 2, /unknown backend 'gpu'; did you mean 'cpu'\?/],
    ['an option', ['--epoch', '3'], 2, /unknown option '--epoch'; did you mean --epochs\?/],
    [
      'an augmentation',
      ['--augment', 'lite'],
      2,
      /--augment is one of none, light, standard, not 'lite'; did you mean light\?/,
    ],
    ['a number', ['--epochs', 'ten'], 2, /--epochs wants a whole number from 1 up, not 'ten'/],
  ])('%s', async (_, more, code, message) => {
    await refused(await train(photos, ...more), code, message);
  });

  it('a command', async () => {
    await refused(await graft(['tarin', photos]), 2, /unknown command 'tarin'; did you mean 'train'\?/);
    await refused(
      await graft(['fetch', photos]),
      2,
      /unknown command 'fetch'; the commands are train, evaluate, /,
    );
    await refused(await graft(['--json', 'train']), 2, /the command comes first/);
  });
});

describe('the cache of features', () => {
  it('fails softly', async () => {
    await writeFile(at('notafolder'), '');
    const { code, err } = await graft([
      'train',
      photos,
      '--out',
      out,
      ...options(),
      '--cache',
      at('notafolder'),
    ]);
    expect(code).toBe(0);
    expect(err).toMatch(
      /^the feature cache cannot be used \(.*\); features are computed again where needed\n/,
    );
  });
});

describe('GRAFT_DEBUG=1', () => {
  it('shows where an error comes from', async () => {
    const { err } = await graft(['train', at('nowhere'), '--out', out], { env: { GRAFT_DEBUG: '1' } });
    expect(err).toMatch(/\n\s+at /);
  });
});
