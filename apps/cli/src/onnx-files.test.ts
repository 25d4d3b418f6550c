import { createCpuBackend } from '@graftjs/backend-cpu';
import {
  Conv2d,
  Flatten,
  GlobalAvgPool2d,
  Linear,
  manualSeed,
  ReLU,
  Sequential,
  setDefaultBackend,
  Softmax,
  type Module,
} from '@graftjs/core';
import { exportOnnx, ONNX_METADATA, readOnnx } from '@graftjs/formats';
import { loadModel } from '@graftjs/models';
import { decodeModel, encodeModel } from '@graftjs/onnx-graph';
import { execFile } from 'node:child_process';
import { copyFile, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { expectRefused, graft, pictureFolder, temporaryFolder, tinyBase, type Captured } from './testing.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let [photos, picture, trained] = ['', '', ''];
const at = (name: string): string => `${folder.path}/${name}`;

/** A classifier of somebody else's: no metadata, and probabilities if `softmax`. */
async function foreign(path: string, softmax: boolean, size = 32): Promise<string> {
  setDefaultBackend(await createCpuBackend());
  manualSeed(3);
  const layers: [string, Module][] = [
    ['conv', new Conv2d(3, 6, 3, { stride: 4 })],
    ['relu', new ReLU()],
    ['pool', new GlobalAvgPool2d()],
    ['flat', new Flatten()],
    ['fc', new Linear(6, 4)],
    ...(softmax ? ([['softmax', new Softmax(1)]] as [string, Module][]) : []),
  ];
  await writeFile(path, await exportOnnx(new Sequential(new Map(layers)), { input: [3, size, size] }));
  setDefaultBackend(null);
  return path;
}

/** The same model, its first weight in another file. */
function withExternalWeight(bytes: Uint8Array, location: string): Uint8Array {
  const model = decodeModel(bytes);
  const initializers = model.graph.initializers.map((t, i) =>
    i === 0 ? { ...t, bytes: null, external: { location, offset: 0, length: t.bytes!.length } } : t,
  );
  return encodeModel({ ...model, graph: { ...model.graph, initializers } });
}

const start = promisify(execFile);
/** Debian's package belongs to the system's Python, which need not be the first one. */
async function pythonWithOnnx(): Promise<string | null> {
  for (const python of ['python3', '/usr/bin/python3'])
    if (await start(python, ['-c', 'import onnx']).catch(() => null)) return python;
  return null;
}

beforeAll(async () => {
  folder = await temporaryFolder();
  photos = await pictureFolder(at('photos'), 6);
  picture = at('photos/red/0.png');
  const base = await tinyBase(at('tiny.safetensors'));
  trained = at('trained.safetensors');
  const { code, err } = await graft([
    ...['train', photos, '--out', trained, '--base', base, '--size', '32', '--epochs', '6', '--batch', '4'],
    ...['--lr', '0.03', '--no-report', '--cache', 'off'],
  ]);
  expect([code, err]).toEqual([0, expect.any(String)]);
});
beforeEach(async () => {
  await rm(at('out'), { recursive: true, force: true });
  await mkdir(at('out'));
});
afterAll(() => folder.remove());

const json = <T>(text: string): T => JSON.parse(text) as T;
async function done(argv: readonly string[]): Promise<Captured> {
  const result = await graft(argv);
  expect([result.code, result.err]).toEqual([0, result.err]);
  return result;
}
interface Prediction {
  readonly top: readonly { readonly class: string; readonly probability: number }[];
}
async function predict(model: string, ...more: string[]): Promise<Map<string, number>> {
  const { out } = await done(['predict', model, picture, '--json', ...more]);
  const { top } = json<{ predictions: Prediction[] }>(out).predictions[0]!;
  return new Map(top.map((t) => [t.class, t.probability]));
}
/** Probabilities that agree but for rounding: 2⁻²⁰ is eight units in the last place of a float32 next to 1. */
function expectSame(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): void {
  expect([...a.keys()].sort()).toEqual([...b.keys()].sort());
  for (const [name, p] of a) expect(Math.abs(p - b.get(name)!)).toBeLessThan(2 ** -20);
}

describe('graft convert', () => {
  it('to .onnx and back: the same predictions, classes and name', async () => {
    const before = await predict(trained);
    for (const more of [[], ['--with-preprocessing']]) {
      const { out, err } = await done(['convert', trained, at('out/m.onnx'), '--force', ...more]);
      expect(err).toBe('');
      expect(out).toMatch(/^model {4}\S+m\.onnx, [\d,]+ bytes \(SHA-256 \w{16}…\)\ninput {4}'/);
      expect(out).toContain(more.length ? "'pictures', uint8 [batch, 32, 32, 3], RGB" : "'input', float32");
      expectSame(await predict(at('out/m.onnx')), before);
      await done(['convert', at('out/m.onnx'), at('out/back.safetensors'), '--force']);
      expectSame(await predict(at('out/back.safetensors')), before);
      const { info } = await loadModel(await readFile(at('out/back.safetensors')), {
        backend: await createCpuBackend(),
      });
      expect(info).toMatchObject({ name: 'tiny', classes: ['blue', 'green', 'red'] });
    }
    expect((await readdir(at('out'))).sort()).toEqual(['back.safetensors', 'm.onnx']);
  });

  it('says what it wrote as JSON', async () => {
    const { out } = await done(['convert', trained, at('out/m.onnx'), '--json']);
    expect(json(out)).toMatchObject({
      from: trained,
      to: at('out/m.onnx'),
      bytes: (await readFile(at('out/m.onnx'))).length,
      size: 32,
      classes: ['blue', 'green', 'red'],
    });
    const { metadata } = await readOnnx(await readFile(at('out/m.onnx')));
    expect(metadata.get(ONNX_METADATA.classes)).toBe('["blue","green","red"]');
    expect(metadata.get(ONNX_METADATA.preprocess)).toContain('"size":32');
  });

  it('writes imported networks of the usual size again', async () => {
    setDefaultBackend(await createCpuBackend());
    const wide = new Sequential({ conv: new Conv2d(3, 32, 3), relu: new ReLU() });
    await writeFile(at('wide.onnx'), await exportOnnx(wide, { input: [3, 224, 224] }));
    setDefaultBackend(null);
    await done(['convert', at('wide.onnx'), at('out/again.onnx')]);
    const { inputs } = await readOnnx(await readFile(at('out/again.onnx')));
    expect(inputs[0]!.shape).toEqual(['batch', 3, 224, 224]);
  });

  it('leaves out a softmax, and says so', async () => {
    const path = await foreign(at('softmax.onnx'), true);
    const { err } = await done(['convert', path, at('out/m.safetensors')]);
    expect(err).toMatch(/the softmax at its end is left out: models give logits here\n$/);
    await done(['convert', at('out/m.safetensors'), at('out/again.onnx')]);
    expectSame(await predict(at('out/again.onnx')), await predict(path));
  });

  it('gives what the checker of ONNX accepts', async (t) => {
    const python = await pythonWithOnnx();
    if (!python) {
      console.warn('NOT TESTED: no python3 with the package onnx is here to check an exported file');
      return t.skip();
    }
    for (const more of [[], ['--with-preprocessing']]) {
      await done(['convert', trained, at('out/m.onnx'), '--force', ...more]);
      const readme = await readFile(new URL('../../../README.md', import.meta.url), 'utf8');
      const [, code] = /```python\n([^]*?)```/.exec(readme)!;
      const snippet = code!.replace('"model.onnx"', JSON.stringify(at('out/m.onnx')));
      const show = `${snippet}\nprint(classes, size, model.graph.input[0].name)`;
      const { stdout } = await start(python, ['-c', show]);
      expect(stdout).toBe(`['blue', 'green', 'red'] 32 ${more.length ? 'pictures' : 'input'}\n`);
    }
  });

  it('stopped by Ctrl-C writes nothing', async () => {
    const stopped = await graft(['convert', trained, at('out/m.onnx')], { interruptAt: /^/ });
    expect(stopped).toEqual({ code: 130, err: 'graft: stopped; nothing was written\n', out: '' });
    expect(await readdir(at('out'))).toEqual([]);
  });
});

describe('a network of somebody else', () => {
  const note = (path: string, size: number): string =>
    `${path} does not say how pictures become its input; taken as usual for ImageNet, at ${size} × ${size} pixels\n`;

  it('predicts and is measured with numbered classes, softmax or not', async () => {
    const paths = [await foreign(at('plain.onnx'), false), await foreign(at('soft.onnx'), true)];
    const answers = [];
    for (const path of paths) {
      const { err } = await done(['predict', path, picture]);
      expect(err).toBe(`${note(path, 32)}${path} has no class names; they are numbered, 0 to 3\n`);
      answers.push(await predict(path));
    }
    expect([...answers[0]!.keys()].sort()).toEqual(['0', '1', '2', '3']);
    expectSame(answers[0]!, answers[1]!);
    expectSame(await predict(paths[0]!, '--backend', 'onnx'), answers[0]!);
    await pictureFolder(at('numbered'), 2, ['red']);
    await rm(at('numbered/2'), { recursive: true, force: true });
    await mkdir(at('numbered/2'));
    for (const i of [0, 1]) await copyFile(at(`numbered/red/${i}.png`), at(`numbered/2/${i}.png`));
    await rm(at('numbered/red'), { recursive: true });
    const { out } = await done(['evaluate', paths[0]!, at('numbered'), '--json', '--cache', 'off']);
    expect(json(out)).toMatchObject({ count: 2, classes: ['0', '1', '2', '3'] });
  });

  it('is inspected, in the size of the file or another', async () => {
    const path = await foreign(at('big.onnx'), false, 40);
    const { out, err } = await done(['inspect', path]);
    expect(err).toBe(note(path, 40));
    expect(out).toMatch(
      /\ninput {7}40 × 40 pixels, crop, channels-first \(assumed: the file does not say\)\n/,
    );
    expect(out).toMatch(/\n\* conv +GraphModule +6 × 10 × 10 /);
    expect((await done(['inspect', path, '--size', '64'])).err).toBe(note(path, 64));
  });

  it('keeps what was assumed an assumption, through every conversion', async () => {
    let path = await foreign(at('unsaid.onnx'), false);
    for (const next of ['out/1.safetensors', 'out/2.onnx', 'out/3.onnx', 'out/4.safetensors']) {
      expect((await done(['convert', path, at(next)])).err).toContain(note(path, 32));
      path = at(next);
      const { err, out } = await done(['inspect', path, '--json']);
      expect(err).toBe(note(path, 32));
      expect(json(out)).toMatchObject({ preprocessAssumed: true });
    }
    // What was trained with it was told it.
    const argv = ['train', photos, '--out', at('out/m.safetensors'), '--base', path, '--epochs', '1'];
    await done([...argv, '--batch', '4', '--no-report', '--cache', 'off']);
    expect(json((await done(['inspect', at('out/m.safetensors'), '--json'])).out)).toMatchObject({
      preprocessAssumed: false,
    });
  });

  it('is a base: the head is replaced, and the model that is saved loads again', async () => {
    const path = await foreign(at('base.onnx'), true);
    const options = ['--epochs', '12', '--batch', '4', '--lr', '0.03', '--cache', 'off', '--no-report'];
    const argv = ['train', photos, '--out', at('out/m.safetensors'), '--base', path, '--json', ...options];
    const { err, out } = await done(argv);
    expect(err.startsWith(note(path, 32))).toBe(true);
    expect(json(out)).toMatchObject({ classes: ['blue', 'green', 'red'], accuracy: 1 });
    const { model } = await loadModel(await readFile(at('out/m.safetensors')), {
      backend: await createCpuBackend(),
    });
    const names = [...model.namedParameters()].map(([name]) => name);
    expect(names).toContain('conv.weight');
    expect(names.filter((n) => n.startsWith('fc'))).toEqual([]);
    expect([...(await predict(at('out/m.safetensors'))).keys()][0]).toBe('red');
    await done(['evaluate', at('out/m.safetensors'), photos, '--cache', 'off']);
  });

  it('is a base with the preprocessing that the file states, and is fine-tuned on any backend', async () => {
    await done(['convert', trained, at('out/base.onnx')]);
    for (const backend of ['cpu', 'onnx']) {
      const { err, out } = await done([
        ...[
          'train',
          photos,
          '--out',
          at('out/m.safetensors'),
          '--base',
          at('out/base.onnx'),
          '--json',
          '--force',
        ],
        ...['--epochs', '4', '--batch', '4', '--unlock-from', 'conv2', '--backend', backend, '--no-report'],
        ...['--cache', 'off'],
      ]);
      expect(err).toMatch(/^4 epochs done/);
      expect(json(out)).toMatchObject({ backend, epochs: 4 });
      const { info } = await loadModel(await readFile(at('out/m.safetensors')), {
        backend: await createCpuBackend(),
      });
      expect(info.preprocess).toMatchObject({ size: 32, fit: 'squash', mean: [0.5, 0.5, 0.5] });
    }
  });
});

describe('bad input', () => {
  const refused = (argv: string[], code: number, message: RegExp): Promise<void> =>
    graft(argv).then((result) => expectRefused(result, code, message, at('out')));
  const all = async (path: string, message: RegExp): Promise<void> => {
    await refused(['convert', path, at('out/m.safetensors')], 1, message);
    await refused(['predict', path, picture], 1, message);
    await refused(['evaluate', path, photos], 1, message);
    await refused(['inspect', path], 1, message);
    await refused(['train', photos, '--out', at('out/m.safetensors'), '--base', path], 1, message);
  };

  it('files that are missing, or none', async () => {
    await all(at('nowhere.onnx'), /nowhere\.onnx does not exist/);
    await copyFile(picture, at('picture.onnx'));
    const swapped =
      /picture\.onnx: this is a PNG picture, not a model that Graft reads \(\.safetensors, \.onnx, or a graph-model of TensorFlow\.js\)/;
    await all(at('picture.onnx'), swapped);
    const whole = await readFile(await foreign(at('whole.onnx'), false));
    for (const size of [0, 1, 100, whole.length >> 1, whole.length - 1]) {
      await writeFile(at('cut.onnx'), whole.subarray(0, size));
      await refused(['convert', at('cut.onnx'), at('out/m.safetensors')], 1, /cut\.onnx: /);
    }
  });

  it('operations that are not supported are listed', async () => {
    const bytes = await readFile(await foreign(at('good.onnx'), false));
    const text = bytes
      .toString('latin1')
      .replace('\u0004Relu', '\u0004Loop')
      .replace('\u0004Gemm', '\u0004Scan');
    await writeFile(at('loops.onnx'), Buffer.from(text, 'latin1'));
    await all(at('loops.onnx'), /loops\.onnx: this graph needs operations .*Loop \(1×.*Scan \(1×/);
  });

  it('weights outside of the folder of the model', async () => {
    const bytes = await readFile(await foreign(at('good.onnx'), false));
    await mkdir(at('inner'), { recursive: true });
    await writeFile(at('weights.bin'), Buffer.alloc(4096));
    await symlink(at('weights.bin'), at('inner/weights.bin')).catch(() => {});
    await writeFile(at('inner/m.onnx'), withExternalWeight(bytes, 'weights.bin'));
    await all(at('inner/m.onnx'), /weights in 'weights\.bin' lie outside the model's folder/);
    await writeFile(at('inner/gone.onnx'), withExternalWeight(bytes, 'gone.bin'));
    await all(at('inner/gone.onnx'), /gone\.bin does not exist/);
  });

  it('networks that do not take pictures, or are no classifiers', async () => {
    setDefaultBackend(await createCpuBackend());
    const grey = new Sequential({ conv: new Conv2d(1, 2, 3), relu: new ReLU() });
    await writeFile(at('grey.onnx'), await exportOnnx(grey, { input: [1, 8, 8] }));
    const colour = new Sequential({ conv: new Conv2d(3, 2, 3), relu: new ReLU() });
    await writeFile(at('map.onnx'), await exportOnnx(colour, { input: [3, 32, 32] }));
    setDefaultBackend(null);
    await refused(
      ['predict', at('grey.onnx'), picture],
      1,
      /grey\.onnx: its input is \[.*, 1, 8, 8\], which is no batch of pictures in three colours/,
    );
    await refused(['inspect', at('grey.onnx')], 1, /three colours, so it cannot be a base/);
    await refused(['predict', at('map.onnx'), picture], 1, /map\.onnx: gives \[1, 2, 30, 30\] for a picture/);
    await done(['convert', at('grey.onnx'), at('out/m.safetensors')]);
    expect((await graft(['convert', at('out/m.safetensors'), at('out/x.onnx')])).err).toMatch(
      /^graft: \S+m\.safetensors: does not say how pictures become its input, so the shape of that is unknown\n$/,
    );
  });

  it('names', async () => {
    const out = at('out/m.onnx');
    await refused(['convert', trained], 2, /^graft: the file to write is missing; see --help/);
    await refused(
      ['convert', trained, at('out/m.txt')],
      2,
      /m\.txt ends neither in \.safetensors nor in \.onnx/,
    );
    await refused(['convert', at('photos'), out], 1, /photos is a folder, not a file/);
    await refused(['convert', at('photos/red/0.png'), out], 1, /0\.png: this is a PNG picture, not a model/);
    await refused(['convert', trained, at('none/m.onnx')], 1, /the folder \S+none for TO does not exist/);
    await refused(['convert', trained, out, '--opset', '17'], 2, /unknown option '--opset'/);
    await refused(['convert', trained, out, 'more'], 2, /one argument too many/);
    await refused(
      ['convert', trained, at('out/m.safetensors'), '--with-preprocessing'],
      2,
      /--with-preprocessing is for \.onnx/,
    );
    await refused(['convert', trained, `${folder.path}/./trained.safetensors`], 2, /are the same file/);
    await done(['convert', trained, out]);
    expect(await graft(['convert', trained, out])).toEqual({
      code: 1,
      out: '',
      err: `graft: ${out} exists already; add --force to replace it, or choose another name\n`,
    });
  });
});
