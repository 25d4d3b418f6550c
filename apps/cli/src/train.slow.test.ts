import { createCpuBackend } from '@graftjs/backend-cpu';
import { loadModel } from '@graftjs/models';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BACKENDS } from './backends.ts';
import { graft, pictureFolder, temporaryFolder, tinyBase } from './testing.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let [photos, base, out] = ['', '', ''];
const at = (name: string): string => join(folder.path, name);

beforeAll(async () => {
  folder = await temporaryFolder();
  photos = await pictureFolder(at('photos'), 10);
  base = await tinyBase(at('tiny.safetensors'));
});
beforeEach(async () => {
  out = at('out/model.safetensors');
  await rm(at('out'), { recursive: true, force: true });
  await mkdir(at('out'));
});
afterAll(() => folder.remove());

const common = (): string[] => [
  '--base',
  base,
  '--size',
  '32',
  '--epochs',
  '12',
  '--batch',
  '4',
  '--lr',
  '0.03',
  '--cache',
  at('cache'),
];
const train = (...more: string[]): ReturnType<typeof graft> =>
  graft(['train', photos, '--out', out, ...common(), ...more]);
const json = (text: string): Record<string, unknown> => JSON.parse(text) as Record<string, unknown>;

describe('graft train', () => {
  it('trains, saves, reports, and prints one JSON object', async () => {
    const { code, out: stdout, err } = await train('--json', '--seed', '3', '--threads', '3');
    expect([code, err]).toEqual([
      0,
      expect.stringMatching(/^12 epochs done: loss [\d.]+, training .* %, validation .* %\n$/),
    ]);
    expect(stdout.trim().split('\n')).toHaveLength(1);
    const result = json(stdout);
    expect(result).toMatchObject({
      model: out,
      report: at('out/model.report.html'),
      classes: ['blue', 'green', 'red'],
      train: 24,
      validation: 6,
      skipped: 0,
      epochs: 12,
      backend: 'wasm',
      threads: 3,
      seed: 3,
      accuracy: 1,
      balancedAccuracy: 1,
    });
    const bytes = await readFile(out);
    expect(result['sha256']).toBe(createHash('sha256').update(bytes).digest('hex'));
    expect((await readdir(at('out'))).sort()).toEqual(['model.report.html', 'model.safetensors']);
    const { info } = await loadModel(bytes, { backend: await createCpuBackend() });
    expect(info.classes).toEqual(['blue', 'green', 'red']);
    expect(info.preprocess).toMatchObject({ size: 32, layout: 'channels-first' });
  });

  it('gives the same bits again, with and without cache, elsewhere too', async () => {
    const shas: unknown[] = [];
    for (const more of [[], ['--cache', 'off'], ['--cache', at('other-cache')], ['--no-report']]) {
      shas.push(json((await train('--json', '--force', ...more)).out)['sha256']);
    }
    await rename(photos, at('moved'));
    const moved = await graft([
      'train',
      at('moved'),
      '--out',
      at('out/b.safetensors'),
      ...common(),
      '--json',
    ]);
    await rename(at('moved'), photos);
    shas.push(json(moved.out)['sha256']);
    expect(new Set(shas).size).toBe(1);
    expect(json((await train('--json', '--force', '--seed', '1')).out)['sha256']).not.toBe(shas[0]);
  });

  it('gives the same file on every backend with the bits of the contract and on any number of threads, head only and fine-tuned', async () => {
    const fine = ['--unlock-from', 'conv2', '--augment', 'light', '--epochs', '4', '--batch', '8'];
    for (const more of [[], fine]) {
      const shas: unknown[] = [];
      const exact = BACKENDS.filter(({ bits }) => bits === 'contract');
      for (const { name, threaded } of exact) {
        for (const threads of threaded ? [1, 2, 5] : [1]) {
          const backend = ['--backend', name, '--threads', String(threads)];
          const result = json((await train('--json', '--force', ...backend, '--cache', 'off', ...more)).out);
          expect(result).toMatchObject({ backend: name, threads });
          shas.push(result['sha256']);
        }
      }
      expect(shas).toHaveLength(exact.length + 2);
      expect(new Set(shas).size).toBe(1);
    }
  });

  it('prints a table for people, without colours where there is no terminal', async () => {
    const plain = await train();
    expect(plain.out).toMatch(
      /^classes {12}3: blue, green, red\npictures {11}24 pictures trained on, 6 held back\n/,
    );
    expect(plain.out).toContain(`\nreport             ${at('out/model.report.html')}\n`);
    expect(plain.out + plain.err).not.toContain('\u001b');
    const colour = await graft(['train', photos, '--out', out, ...common(), '--force'], { tty: true });
    expect(colour.out).toContain('\u001b[1m');
    const no = await graft(['train', photos, '--out', out, ...common(), '--force'], {
      tty: true,
      env: { NO_COLOR: '1' },
    });
    expect(no.out).not.toContain('\u001b');
  });

  it('fine-tunes the base from a layer on, with augmented views', async () => {
    const fine = ['--unlock-from', 'conv2', '--augment', 'light', '--epochs', '10', '--batch', '8'];
    const first = json((await train('--json', ...fine)).out);
    const before = (
      await loadModel(await readFile(base), { backend: await createCpuBackend() })
    ).model.stateDict();
    const after = (
      await loadModel(await readFile(out), { backend: await createCpuBackend() })
    ).model.stateDict();
    expect(after.get('conv1.weight')!.dataSync()).toEqual(before.get('conv1.weight')!.dataSync());
    expect(after.get('bn1.running_mean')!.dataSync()).toEqual(before.get('bn1.running_mean')!.dataSync());
    expect(after.get('conv2.weight')!.dataSync()).not.toEqual(before.get('conv2.weight')!.dataSync());
    expect(await readFile(at('out/model.report.html'), 'utf8')).toContain('epoch 10: the base is unlocked');
    expect(json((await train('--json', '--force', ...fine)).out)['sha256']).toBe(first['sha256']);
  });

  it('builds on a model that it trained, and cuts where it is told', async () => {
    await train('--cut', 'relu1');
    const onTop = await graft([
      'train',
      photos,
      '--out',
      at('out/second.safetensors'),
      '--base',
      out,
      '--size',
      '32',
      '--epochs',
      '3',
      '--cache',
      'off',
      '--json',
    ]);
    expect([onTop.code, json(onTop.out)['epochs']]).toEqual([0, 3]);
    const { model } = await loadModel(await readFile(at('out/second.safetensors')), {
      backend: await createCpuBackend(),
    });
    const layers = [...model.namedModules()].map(([name]) => name).filter((name) => !name.includes('.'));
    expect(layers).toEqual(['', 'conv1', 'bn1', 'relu1', 'head']);
  });

  it('measures on the test folder where there is one', async () => {
    await pictureFolder(at('parts/train'), 6);
    await pictureFolder(at('parts/test'), 4, ['blue', 'green', 'red'], 100);
    const { out: stdout } = await graft(['train', at('parts'), '--out', out, ...common(), '--json']);
    expect(json(stdout)).toMatchObject({ train: 15, validation: 3, measuredOn: 'test', accuracy: 1 });
    const again = await graft(['evaluate', out, at('parts'), '--json', '--cache', 'off']);
    expect(json(again.out)).toMatchObject({ count: 12, part: 'test', accuracy: 1 });
  });

  it('trains on everything with --validation 0', async () => {
    const { code, out: stdout } = await train('--validation', '0', '--json');
    expect([code, json(stdout)['train'], json(stdout)['validation'], json(stdout)['accuracy']]).toEqual([
      0,
      30,
      0,
      undefined,
    ]);
    expect(await readFile(at('out/model.report.html'), 'utf8')).toContain('No pictures were held back');
  });

  it('weights classes that have fewer pictures', async () => {
    await pictureFolder(at('uneven'), 12, ['blue']);
    await pictureFolder(at('uneven'), 4, ['red']);
    const { code } = await graft(['train', at('uneven'), '--out', out, ...common()]);
    expect(code).toBe(0);
    expect(await readFile(at('out/model.report.html'), 'utf8')).toContain('classes weighted');
  });
});

describe('classes of very different size', () => {
  it.each([
    [120, 4],
    [300, 3],
  ])('%i : %i pictures of two colours are told apart, with no option', async (large, rare) => {
    const name = `uneven-${large}`;
    await pictureFolder(at(`${name}/train`), large, ['blue']);
    await pictureFolder(at(`${name}/train`), rare, ['red']);
    await pictureFolder(at(`${name}/val`), 5, ['blue', 'red'], 1000);
    const done = await graft(['train', at(name), '--out', out, '--base', base, '--size', '32', '--json']);
    expect([done.code, json(done.out)]).toMatchObject([0, { accuracy: 1, warnings: [] }]);
    const found = json((await graft(['evaluate', out, at(`${name}/train`), '--json'])).out);
    expect(found).toMatchObject({
      perClass: [
        { class: 'blue', recall: 1 },
        { class: 'red', recall: 1 },
      ],
      warnings: [],
    });
  });

  it('a model that is worse than the largest class is said to be, on the terminal, in JSON and in the report', async () => {
    await pictureFolder(at('worse/train'), 4, ['blue', 'red']);
    await pictureFolder(at('worse/val'), 1, ['blue']);
    await pictureFolder(at('worse-other'), 5, ['blue'], 50);
    await rename(at('worse-other/blue'), at('worse/val/red')); // labelled wrongly
    const {
      code,
      out: stdout,
      err,
    } = await graft(['train', at('worse'), '--out', out, ...common(), '--json']);
    const text = "an accuracy of 16.7 % is less than the 83.3 % of always answering 'red'";
    expect([code, json(stdout)['warnings']]).toEqual([0, [`validation: ${text}`]]);
    expect(err).toContain(`warning: validation: ${text}\n`);
    const page = await readFile(at('out/model.report.html'), 'utf8');
    expect(page.replaceAll('&#39;', "'")).toContain(`<b>Warning:</b> validation: ${text}.`);
    expect(page).toContain('Its loss includes label smoothing 0.1; the validation loss does not');
    const measured = await graft(['evaluate', out, at('worse'), '--json', '--cache', 'off']);
    expect([json(measured.out)['warnings'], measured.err]).toEqual([
      [text],
      expect.stringContaining(`warning: ${text}\n`),
    ]);
  });
});

describe('graft evaluate, predict, inspect, backends', () => {
  beforeEach(async () => {
    await train();
  });

  it('evaluates a folder', async () => {
    const { code, out: stdout } = await graft(['evaluate', out, photos, '--json', '--cache', 'off']);
    expect(code).toBe(0);
    expect(json(stdout)).toMatchObject({
      accuracy: 1,
      balancedAccuracy: 1,
      backend: 'wasm',
      threads: availableParallelism(),
      count: 30,
      perClass: [
        { class: 'blue', count: 10, recall: 1, precision: 1, f1: 1 },
        { class: 'green', count: 10 },
        { class: 'red', count: 10 },
      ],
      confusion: [
        [10, 0, 0],
        [0, 10, 0],
        [0, 0, 10],
      ],
    });
    const shown = (await graft(['evaluate', out, photos, '--cache', 'off', '--threads', '2'])).out;
    expect(shown).toContain('accuracy 100.0 % of 30 pictures (95 % interval 88.6 % to 100.0 %)');
    expect(shown).toMatch(/\nmeasured on wasm, 2 threads\n$/);
  });

  it('evaluates a folder that has only some of the classes', async () => {
    await pictureFolder(at('some'), 3, ['green', 'red']);
    const { code, out: stdout, err } = await graft(['evaluate', out, at('some'), '--json', '--cache', 'off']);
    expect([code, err]).toEqual([0, 'no pictures of blue: this class does not count\n']);
    expect(json(stdout)).toMatchObject({
      count: 6,
      balancedAccuracy: 1,
      confusion: [
        [0, 0, 0],
        [0, 3, 0],
        [0, 0, 3],
      ],
    });
  });

  it('evaluates a folder of one class', async () => {
    await pictureFolder(at('alone'), 2, ['red']);
    const { code, out: stdout } = await graft(['evaluate', out, at('alone'), '--json', '--cache', 'off']);
    expect([code, json(stdout)]).toMatchObject([0, { count: 2, balancedAccuracy: 1 }]);
  });

  it('predicts, likeliest first, and agrees with itself', async () => {
    const files = ['red/0.png', 'blue/1.png'].map((f) => join(photos, f));
    const { code, out: stdout, err } = await graft(['predict', out, ...files, '--json', '--top', '2']);
    expect(json(stdout)).toMatchObject({ backend: 'wasm', threads: availableParallelism() });
    expect([code, err]).toEqual([0, '']);
    const { predictions } = JSON.parse(stdout) as {
      predictions: { file: string; top: { class: string; probability: number }[] }[];
    };
    expect(predictions.map((p) => [p.file, p.top[0]!.class, p.top.length])).toEqual([
      [files[0], 'red', 2],
      [files[1], 'blue', 2],
    ]);
    const all = JSON.parse((await graft(['predict', out, files[0]!, '--json'])).out) as typeof JSON & {
      predictions: typeof predictions;
    };
    expect(all.predictions[0]!.top.reduce((a, t) => a + t.probability, 0)).toBeCloseTo(1, 5);
    expect((await graft(['predict', out, files[0]!])).out).toMatch(
      /^picture +class +probability\n.*red\/0\.png {2}red +\d+\.\d %\n/,
    );
  });

  it('inspects a model and a base', async () => {
    const { code, out: stdout } = await graft(['inspect', out]);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^model +tiny\nclasses +3: blue, green, red\ninput +32 × 32 pixels, squash, channels-first\n/,
    );
    expect(stdout).toMatch(/\n\* conv1 +Conv2d +8 × 8 × 8 +224 +yes +3 px, every 4\n/);
    const layers = json((await graft(['inspect', out, '--json'])).out)['layers'] as Record<string, unknown>[];
    expect(layers[0]).toMatchObject({
      name: 'conv1',
      kind: 'Conv2d',
      outputShape: [8, 8, 8],
      parameters: 224,
      locked: true,
      cut: true,
    });
    const named = await graft(['inspect', 'coco-mobilenet-v3', '--size', '64', '--json']);
    expect(json(named.out)).toMatchObject({
      name: 'coco-mobilenet-v3',
      classes: null,
      defaultCut: expect.any(String) as string,
    });
  });

  it('explains itself', async () => {
    const overview = await graft(['--help']);
    for (const name of ['train', 'evaluate', 'predict', 'inspect', 'backends'])
      expect(overview.out).toContain(`graft ${name}`);
    expect((await graft(['train', '--help'])).out).toContain('--unlock-from');
    expect((await graft(['help', 'predict'])).out).toContain('graft predict');
    expect((await graft(['--version'])).out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe('Ctrl-C', () => {
  const stop = (interruptAt: RegExp, ...more: string[]): ReturnType<typeof graft> =>
    graft(['train', photos, '--out', out, ...common(), ...more], {
      tty: true,
      env: { NO_COLOR: '1' },
      interruptAt,
    });

  it('before the training begins: nothing is written', async () => {
    const { code, err, out: stdout } = await stop(/reading pictures/);
    expect([code, stdout]).toEqual([130, '']);
    expect(err).toMatch(/stopping after the step at hand; Ctrl-C again stops at once\n/);
    expect(err).toMatch(/graft: stopped before the training began; nothing was written\n$/);
    expect(await readdir(at('out'))).toEqual([]);
  });

  it('after it, while the model is measured: nothing is written, or a checkpoint', async () => {
    const quick = await stop(/epochs done/);
    expect([quick.code, quick.err]).toEqual([
      130,
      expect.stringMatching(/graft: stopped; nothing was written\n$/),
    ]);
    expect(await readdir(at('out'))).toEqual([]);
    const saved = await stop(/epochs done/, '--checkpoint-seconds', '0');
    expect([saved.code, saved.err]).toEqual([
      130,
      expect.stringMatching(/ is kept\. To go on: graft train .* --resume\n$/),
    ]);
    expect(await readdir(at('out'))).toEqual(['model.checkpoint.safetensors']);
    const resumed = json((await train('--resume', '--json')).out);
    expect(resumed['sha256']).toBe(json((await train('--force', '--json')).out)['sha256']);
  });
});

describe('--resume', () => {
  it('of a finished run is one sentence, and touches nothing', async () => {
    const first = json((await train('--json')).out);
    const again = await train('--resume');
    expect([again.code, again.out]).toEqual([1, '']);
    expect(again.err).toBe(
      `graft: there is nothing to resume: ${out} is finished, and has no checkpoint beside it; add --force to train it anew, or choose another --out\n`,
    );
    expect(json((await train('--resume', '--force', '--json')).out)['sha256']).toBe(first['sha256']);
  });

  it('after the last fine-tuning epoch ends with the same bytes; with others, in one sentence', async () => {
    const fine = ['--unlock-from', 'conv2', '--epochs', '4', '--batch', '8'];
    const whole = json((await train('--json', ...fine)).out)['sha256'];
    await rm(at('out'), { recursive: true });
    await mkdir(at('out'));
    const stopped = await graft(
      ['train', photos, '--out', out, ...common(), ...fine, '--checkpoint-seconds', '0'],
      { tty: true, interruptAt: /epochs done/ },
    );
    expect(stopped.code).toBe(130);
    const checkpoint = at('out/model.checkpoint.safetensors');
    const kept = await readFile(checkpoint);
    const refused = async (message: RegExp, ...more: string[]): Promise<void> => {
      const { code, err } = await train('--resume', ...fine, ...more);
      expect(err.trimEnd().split('\n')).toEqual([expect.stringMatching(message)]);
      expect([code, await readFile(checkpoint).then((b) => b.equals(kept))]).toEqual([1, true]);
    };
    await refused(
      /belongs to another run: --seed was 0, is 1\. Use the same settings, .* --force/,
      '--seed',
      '1',
    );
    // Other weights under the same name, and other pictures in the same folder.
    const weights = await readFile(base);
    const locked = Buffer.from(weights);
    locked[8 + weights.readUInt32LE(0)]! ^= 1; // the first value, of a layer that stays locked
    await writeFile(base, locked);
    await refused(/cannot be used: it was trained on other weights: '.*' is not .* --force instead/);
    await writeFile(base, weights);
    await pictureFolder(at('photos'), 1, ['red'], 77);
    await refused(/cannot be used: .*the training samples are others.* --force instead of --resume$/);
    await pictureFolder(at('photos'), 1, ['red']);
    const flipped = Buffer.from(kept);
    flipped[flipped.length - 9]! ^= 4;
    await writeFile(checkpoint, flipped);
    const damaged = await train('--resume', ...fine);
    expect([damaged.code, damaged.err]).toEqual([
      1,
      expect.stringMatching(
        /^graft: the checkpoint .* it is damaged: its checksum .* --force instead of --resume\n$/,
      ),
    ]);
    await writeFile(checkpoint, kept);
    expect(json((await train('--resume', '--json', ...fine)).out)['sha256']).toBe(whole);
  });
});

describe('a name with strange characters', () => {
  it('reaches neither terminal nor report unescaped', async () => {
    const nasty = '<b>x\u001b[31m';
    await pictureFolder(at('nasty'), 4, ['red']);
    await pictureFolder(at('nasty-other'), 4, ['blue']);
    await rename(at('nasty-other/blue'), at(`nasty/${nasty}`));
    await writeFile(at(`nasty/${nasty}/broken.png`), 'x');
    const { code, out: stdout, err } = await graft(['train', at('nasty'), '--out', out, ...common()]);
    expect(code).toBe(0);
    expect(stdout + err).not.toContain('\u001b');
    const report = await readFile(at('out/model.report.html'), 'utf8');
    expect(report).not.toContain('<b>x');
    expect(report).toContain('&lt;b&gt;x');
  });
});
