import { mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { expectRefused, graft, pictureFolder, temporaryFolder, tinyBase, type Captured } from './testing.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let [photos, base, out] = ['', '', ''];
const at = (name: string): string => join(folder.path, name);

beforeAll(async () => {
  folder = await temporaryFolder();
  photos = await pictureFolder(at('photos'), 6);
  base = await tinyBase(at('tiny.safetensors'));
  await mkdir(at('model'));
  const good = at('model/good.safetensors');
  await graft([
    'train',
    photos,
    '--out',
    good,
    '--base',
    base,
    '--size',
    '32',
    '--epochs',
    '2',
    '--no-report',
  ]);
});
beforeEach(async () => {
  out = at('out/model.safetensors');
  await rm(at('out'), { recursive: true, force: true });
  await mkdir(at('out'));
});
afterAll(() => folder.remove());

const refused = (result: Captured, code: number, message: RegExp): Promise<void> =>
  expectRefused(result, code, message, at('out'));

describe('model files', () => {
  const commands = (path: string): string[][] => [
    ['predict', path, at('photos/red/0.png')],
    ['evaluate', path, photos],
    ['inspect', path],
    ['train', photos, '--out', out, '--base', path],
  ];
  const all = async (path: string, message: RegExp): Promise<void> => {
    for (const command of commands(path)) await refused(await graft(command), 1, message);
  };
  const copy = async (name: string, change: (bytes: Buffer) => Buffer): Promise<string> => {
    await writeFile(at(name), change(await readFile(at('model/good.safetensors'))));
    return at(name);
  };

  it('missing, or a folder', async () => {
    await all(at('nowhere.safetensors'), /nowhere\.safetensors does not exist/);
    await all(at('photos'), /photos is a folder, not a file/);
  });

  it('cut short at any place', async () => {
    const { length } = await readFile(at('model/good.safetensors'));
    for (const size of [0, 5, 8, 100, length >> 1, length - 1]) {
      const path = await copy('cut.safetensors', (bytes) => bytes);
      await truncate(path, size);
      await refused(await graft(['predict', path, at('photos/red/0.png')]), 1, /cut\.safetensors: /);
    }
  });

  it('with a lying header', async () => {
    const huge = await copy(
      'huge.safetensors',
      (b) => (b.writeUInt32LE(0xffffffff, 0), b.writeUInt32LE(0xffff, 4), b),
    );
    await all(huge, /huge\.safetensors: not a safetensors file: the header would have/);
    const text = (from: RegExp, to: (m: string) => string) => (b: Buffer) =>
      Buffer.from(b.toString('latin1').replace(from, to), 'latin1');
    const shape = await copy(
      'shape.safetensors',
      text(/"shape":\[8,3,3,3\]/, () => '"shape":[8,3,3,9]'),
    );
    await all(
      shape,
      /shape\.safetensors: tensor "conv1\.weight": data_offsets hold 864 bytes, F32\[8, 3, 3, 9\] has 2592/,
    );
    const offsets = await copy(
      'offsets.safetensors',
      text(/"data_offsets":\[(\d+)/, (m) => m.replace(/\d/, '9')),
    );
    await all(offsets, /offsets\.safetensors: tensor /);
    const meta = await copy(
      'meta.safetensors',
      text(/outChannels\\":8/, (m) => m.replace('8', '9')),
    );
    await all(meta, /meta\.safetensors: /);
  });

  it('that are something else', async () => {
    await all(at('photos/red/0.png'), /0\.png: not a safetensors file/);
  });

  it('without class names', async () => {
    await refused(
      await graft(['predict', base, at('photos/red/0.png')]),
      1,
      /has no class names, so it is no classifier/,
    );
  });
});

describe('evaluate and predict', () => {
  const model = (): string => at('model/good.safetensors');

  it('a folder with other classes', async () => {
    const path = await pictureFolder(at('other'), 2, ['red']);
    await mkdir(join(path, 'gren'));
    // Told before a picture is read: this one would be left out with a line of its own.
    await writeFile(join(path, 'gren/a.png'), 'no picture');
    await refused(
      await graft(['evaluate', model(), path]),
      1,
      /the model does not know the class 'gren' \(is it 'green'\?\); it knows blue, green, red\. Rename/,
    );
  });

  it('pictures that are none: the others are still told', async () => {
    await writeFile(at('text.jpg'), 'x');
    const good = at('photos/red/0.png');
    const {
      code,
      out: stdout,
      err,
    } = await graft(['predict', model(), at('text.jpg'), good, at('gone.png'), '--json']);
    expect(code).toBe(1);
    const result = JSON.parse(stdout) as { predictions: { file: string }[]; failed: { file: string }[] };
    expect(result.predictions.map((p) => p.file)).toEqual([good]);
    expect(result.failed.map((f) => f.file)).toEqual([at('text.jpg'), at('gone.png')]);
    expect(err).toMatch(
      /text\.jpg: is a text file.*\n.*gone\.png: there is no such file.*\ngraft: 2 of 3 pictures could not be read\n$/,
    );
  });

  it('no pictures at all', async () => {
    await refused(await graft(['predict', model()]), 2, /name at least one picture/);
    await refused(await graft(['predict']), 2, /the model is missing/);
    await refused(await graft(['evaluate', model()]), 2, /the folder with the pictures is missing/);
  });
});
