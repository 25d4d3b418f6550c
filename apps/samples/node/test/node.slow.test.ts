import { execFileSync, spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { draw, drawFolder } from './shapes.ts';

const main = fileURLToPath(new URL('../main.ts', import.meta.url));
const graft = fileURLToPath(new URL('../../../cli/src/main.ts', import.meta.url));
const bundler = fileURLToPath(new URL('../../../../scripts/bundle.mjs', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs a script as its README says, from a clone. */
const run = (script: string, ...args: string[]): Promise<Ended> =>
  node('--conditions=@graftjs/source', '--import', 'tsx', script, ...args);

function node(...args: string[]): Promise<Ended> {
  const child = spawn(process.execPath, args, { cwd: fileURLToPath(new URL('..', import.meta.url)) });
  let [out, err] = ['', ''];
  child.stdout.on('data', (text) => (out += text));
  child.stderr.on('data', (text) => (err += text));
  return new Promise((resolve, reject) =>
    child.on('error', reject).on('close', (code) => resolve({ code, out, err })),
  );
}

let folder: string;
const inFolder = (...names: string[]): string => join(folder, ...names);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'graft-sample-node-'));
  execFileSync(process.execPath, [bundler, main, inFolder('program')]);
});
/** The sample once more, as one file: what starts many times. */
const bundled = (): string => inFolder('program', 'main.mjs');
afterAll(() => rm(folder, { recursive: true, force: true }));

it('is under 80 lines', async () => {
  expect((await readFile(main, 'utf8')).split('\n').length - 1).toBeLessThan(80);
});

it('trains, saves, loads and predicts; graft predict says the same of the file', async () => {
  const photos = await drawFolder(inFolder('photos'), 15, ['disc', 'cross']);
  const model = inFolder('model.safetensors');
  const news = { disc: inFolder('new-disc.png'), cross: inFolder('new-cross.png') };
  await writeFile(news.disc, (await draw('disc', 100)).png);
  await writeFile(news.cross, (await draw('cross', 100)).png);
  const { code, out, err } = await run(main, photos, model, news.disc, news.cross);
  expect([code, err]).toEqual([0, '']);
  const losses = [...out.matchAll(/^epoch \d+: loss (\d\.\d+)$/gm)].map((m) => Number(m[1]));
  expect(losses).toHaveLength(60);
  expect(losses.at(-1)!).toBeLessThan(losses[0]! / 2);
  expect(out).toMatch(/^balanced accuracy on 6 pictures held back: \d+ %$/m);

  const graftSays = await run(graft, 'predict', model, news.disc, news.cross, '--json', '--top', '1');
  const { predictions } = JSON.parse(graftSays.out) as {
    predictions: { file: string; top: [{ class: string; probability: number }] }[];
  };
  const lines = predictions.map(
    ({ file, top: [t] }) => `${file}: ${t.class}, ${(100 * t.probability).toFixed(1)} %`,
  );
  expect(out.trimEnd().split('\n').slice(-2)).toEqual(lines);
  expect(predictions.map(({ top: [t] }) => t.class)).toEqual(['disc', 'cross']);
});

it('frees all that it makes', async () => {
  const photos = await drawFolder(inFolder('freed'), 4, ['disc', 'cross']);
  const count = inFolder('count.mjs');
  const core = import.meta.resolve('@graftjs/core');
  await writeFile(
    count,
    `await import(${JSON.stringify(pathToFileURL(main).href)});
     const { getDefaultBackend, memory } = await import(${JSON.stringify(core)});
     console.log(JSON.stringify(memory(getDefaultBackend())));`,
  );
  const picture = join(photos, 'disc', '0.png');
  const { code, out, err } = await run(count, photos, inFolder('freed.safetensors'), picture, picture);
  expect([code, err]).toEqual([0, '']);
  expect(out).toMatch(/0\.png: \w+, [\d.]+ %\n.*0\.png/);
  expect(JSON.parse(out.trimEnd().split('\n').at(-1)!)).toEqual({ tensors: 0, bytes: 0 });
});

describe('says in one line what is wrong, and ends with 1:', () => {
  const refuses = async (args: string[], message: RegExp): Promise<void> => {
    const { code, err } = await node(bundled(), ...args);
    expect(err.trimEnd().split('\n')).toHaveLength(1);
    expect(err).toMatch(message);
    expect(code).toBe(1);
    expect((await readdir(folder)).filter((name) => name.startsWith('bad'))).toEqual([]);
  };
  const model = (): string => inFolder('bad.safetensors');

  it('no arguments', () => refuses([], /^usage: /));
  it('no such folder', () =>
    refuses([inFolder('nowhere'), model()], /nowhere: there is no such file or folder/));
  it('one class', async () => {
    const one = await drawFolder(inFolder('one'), 3, ['disc']);
    await refuses([one, model()], /one: has only one class, 'disc'; add a folder/);
  });
  it('a picture that is cut off', async () => {
    const photos = await drawFolder(inFolder('damaged'), 3, ['disc', 'cross']);
    await writeFile(join(photos, 'disc', '1.png'), (await draw('disc', 1)).png.slice(0, -100));
    await refuses([photos, model()], /disc.1\.png.* is cut off or damaged \(PNG: its end is missing\)/);
  });
  it('a picture to predict that is none', async () => {
    const photos = await drawFolder(inFolder('few'), 3, ['disc', 'cross']);
    await writeFile(inFolder('notes.png'), 'Dear diary');
    const { code, err } = await node(bundled(), photos, inFolder('few.safetensors'), inFolder('notes.png'));
    expect([code, err]).toEqual([1, expect.stringMatching(/^\S+notes\.png: is a text file; [^\n]+\n$/)]);
  });
  it('a folder to write to that is a file', async () => {
    const photos = await drawFolder(inFolder('again'), 3, ['disc', 'cross']);
    await writeFile(inFolder('file'), '');
    await refuses([photos, inFolder('file', 'model.safetensors')], /file.model\.safetensors/);
  });
});
