import { createCpuBackend } from '@graftjs/backend-cpu';
import { writeSafetensors, type TensorToWrite } from '@graftjs/formats';
import { buildModel } from '@graftjs/models';
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
    expect((await graft(['inspect', huge])).err).toContain('(at byte 0)');
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

  it('that are something else: what they are, what is read, what to do', async () => {
    const zipped = (name: string): Buffer =>
      Buffer.from(`PK\x03\x04${'\0'.repeat(22)}${String.fromCharCode(name.length)}\0\0\0${name}`, 'latin1');
    const files: [string, string | Buffer, RegExp][] = [
      [
        'cat.pth',
        zipped('archive/data.pkl'),
        /a PyTorch checkpoint .*: in Python, .*save_file.*torch\.onnx\.export/,
      ],
      [
        'cat.h5',
        Buffer.from('\x89HDF\r\n\x1a\n', 'latin1'),
        /an HDF5 file, as Keras .*: convert it .*tf2onnx/,
      ],
      ['cat.keras', zipped('model.weights.h5'), /a zip archive.*: unpack it/],
      ['cat.tflite', '\x1c\0\0\0TFL3', /a TensorFlow Lite model .*--tflite \S+cat\.tflite --output/],
      ['model.json', '{"format": "layers-model"}', /a layers-model of TensorFlow\.js .*--tfjs/],
      [
        'lfs.safetensors',
        'version https://git-lfs.github.com/spec/v1\n',
        /a Git LFS pointer.*: .*'git lfs pull'/,
      ],
      [
        'page.onnx',
        '<!doctype html><title>404</title>',
        /a web page, not a model.*: the address led to a page/,
      ],
      ['photos.zip', zipped('photos/cat.jpg'), /a zip archive, not a model.*: unpack it/],
      ['notes.txt', 'remember the milk', /a text file, not a model/],
      ['empty.onnx', '', /an empty file \(0 bytes\), not a model/],
    ];
    for (const [name, bytes, message] of files) {
      await writeFile(at(name), bytes);
      await all(at(name), new RegExp(`${name}: this is ${message.source}`));
      const weights = ['train', photos, '--out', out, '--base', 'resnet18', '--weights', at(name)];
      await refused(
        await graft(weights),
        1,
        new RegExp(`${name}: this is ${message.source.split(/,|\.\*/)[0]}`),
      );
    }
    await all(at('photos/red/0.png'), /0\.png: this is a PNG picture, not a model/);
    await mkdir(at('saved/variables'), { recursive: true });
    await writeFile(at('saved/saved_model.pb'), '');
    await all(
      at('saved'),
      /saved is a folder, not a file: a TensorFlow SavedModel; convert it .*--saved-model \S+saved /,
    );
  });

  it('are told by what is in them, not by their names', async () => {
    const good = at('model/good.safetensors');
    await graft(['convert', good, at('good.onnx')]);
    await writeFile(at('a.onnx'), await readFile(good));
    await writeFile(at('b.bin'), await readFile(at('good.onnx')));
    for (const name of ['a.onnx', 'b.bin'])
      expect(await graft(['predict', at(name), at('photos/red/0.png'), '--json'])).toMatchObject({ code: 0 });
  });

  it('in the place of a picture, and the other way round', async () => {
    const [good, red] = [at('model/good.safetensors'), at('photos/red/0.png')];
    await refused(
      await graft(['predict', red, good]),
      2,
      /0\.png is a PNG picture and \S+ a safetensors file; the model comes first: graft predict \S+good\.safetensors \S+0\.png$/m,
    );
    await refused(
      await graft(['evaluate', photos, good]),
      2,
      /photos is a folder and \S+ a file; the model comes first: graft evaluate \S+good\.safetensors \S+photos$/m,
    );
  });

  it('of weights alone: which network they are of, and how to say it', async () => {
    await writeFile(at('some.safetensors'), writeSafetensors(new Map([['w', { shape: [1], data: [1] }]])));
    await all(
      at('some.safetensors'),
      /some\.safetensors: weights without an architecture; they fit none of mobilenet_v2/,
    );
    const state = buildModel(
      { kind: 'resnet18', options: {} },
      { backend: await createCpuBackend() },
    ).stateDict();
    const names = [...state].filter(([name]) => !/^fc\.|num_batches/.test(name));
    const tensors = names.map(([name, { shape, size }]) => [
      `module.${name}`,
      { shape, data: new Float32Array(size) },
    ]);
    const bare = writeSafetensors(new Map(tensors as [string, TensorToWrite][]), {}, { float16: true });
    await writeFile(at('bare.safetensors'), bare);
    await all(
      at('bare.safetensors'),
      /they are those of resnet18: say --base resnet18 --weights \S+bare\.safetensors$/m,
    );
    const { code, err } = await graft([
      'inspect',
      'resnet18',
      '--weights',
      at('bare.safetensors'),
      '--size',
      '32',
    ]);
    expect([code, err]).toEqual([
      0,
      `${at('bare.safetensors')}: the prefix 'module.' of the names was left out\n` +
        `${at('bare.safetensors')}: the file has no 'fc' that fits, so the network ends before it\n`,
    ]);
    const other = ['inspect', 'resnet34', '--weights', at('bare.safetensors')];
    await refused(
      await graft(other),
      1,
      /these weights do not fit resnet34: \d+ of 182 are missing \(layer1\.2\.conv1\.weight, \S+ \S+ …\); they are those of resnet18$/m,
    );
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
