import { createCpuBackend } from '@graftjs/backend-cpu';
import { setDefaultBackend, stagesOf } from '@graftjs/core';
import { writeSafetensors, type TensorToWrite } from '@graftjs/formats';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { buildModel } from '../build-model.ts';
import { saveModel } from '../model-file.ts';
import { smallCnn } from '../networks/small-cnn.ts';
import { loadBase } from './base.ts';
import { download } from './download.ts';

const body = Buffer.from(Array.from({ length: 50_000 }, (_, i) => (i * 31) % 251));
const digest = createHash('sha256').update(body).digest('hex');

let server: Server;
let base: string;
let cache: string;
/** What the server does next, and what it was asked. */
let behave: (request: IncomingMessage, response: ServerResponse) => void;
let asked: { range: string | undefined; ifRange: string | undefined }[] = [];

/** Serves `content` with ranges and an ETag, as static file servers do. */
function serve(content: Buffer, etag: string, breakAfter = Infinity) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    const match = /^bytes=(\d+)-$/.exec(request.headers.range ?? '');
    const unchanged = request.headers['if-range'] === etag;
    const from = match && unchanged ? Number(match[1]) : 0;
    if (from >= content.length) {
      response.writeHead(416).end();
      return;
    }
    const part = content.subarray(from);
    response.writeHead(from ? 206 : 200, {
      etag,
      'content-length': part.length,
      ...(from ? { 'content-range': `bytes ${from}-${content.length - 1}/${content.length}` } : {}),
    });
    if (part.length <= breakAfter) response.end(part);
    else {
      // Broken off when the client has it all: see `onProgress`.
      response.write(part.subarray(0, breakAfter));
      breakOff = () => response.destroy();
    }
  };
}

/** Cuts the connection once 20,000 bytes have arrived, as `serve(…, 20_000)` gives no more. */
let breakOff = (): unknown => undefined;
const onProgress = (done: number): void => void (done === 20_000 && breakOff());

beforeAll(async () => {
  setDefaultBackend(await createCpuBackend());
  server = createServer((request, response) => {
    asked.push({ range: request.headers.range, ifRange: request.headers['if-range'] as string | undefined });
    behave(request, response);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => new Promise((done) => server.close(done)));
beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), 'graft-download-'));
  asked = [];
  behave = serve(body, '"one"');
});
afterEach(async () => rm(cache, { recursive: true, force: true }));

describe('download', () => {
  it('fetches once, then reads the disk', async () => {
    const seen: (number | undefined)[][] = [];
    const first = await download(`${base}/weights.bin`, {
      cache,
      sha256: digest,
      onProgress: (...p) => seen.push(p),
    });
    expect(Buffer.compare(first.bytes, body)).toBe(0);
    expect(first.path).toMatch(/[0-9a-f]{12}-weights\.bin$/);
    expect(seen.at(-1)).toEqual([body.length, body.length]);
    const second = await download(`${base}/weights.bin`, { cache, sha256: digest.slice(0, 8) });
    expect(Buffer.compare(second.bytes, body)).toBe(0);
    expect(asked).toHaveLength(1);
    expect(await readdir(cache)).toHaveLength(1);
  });
  it('takes up a download that broke off', async () => {
    behave = serve(body, '"one"', 20_000);
    await expect(download(`${base}/w`, { cache, onProgress })).rejects.toThrow(
      /broken off after 20000 bytes .* call again/,
    );
    behave = serve(body, '"one"');
    const { bytes } = await download(`${base}/w`, { cache, sha256: digest });
    expect(Buffer.compare(bytes, body)).toBe(0);
    expect(asked[1]).toEqual({ range: 'bytes=20000-', ifRange: '"one"' });
  });
  it('starts anew when the file on the server has changed', async () => {
    behave = serve(body, '"one"', 20_000);
    await expect(download(`${base}/w`, { cache, onProgress })).rejects.toThrow();
    const other = Buffer.from(body).reverse();
    behave = serve(other, '"two"');
    expect(Buffer.compare((await download(`${base}/w`, { cache })).bytes, other)).toBe(0);
  });
  it('starts anew when the server cannot continue', async () => {
    behave = serve(body, '"one"', 20_000);
    await expect(download(`${base}/w`, { cache, onProgress })).rejects.toThrow();
    const shorter = body.subarray(0, 10_000);
    behave = serve(shorter, '"one"');
    expect((await download(`${base}/w`, { cache })).bytes).toHaveLength(10_000);
    expect(asked).toHaveLength(3);
  });
  it('refuses a file with another checksum, and does not keep it', async () => {
    await expect(download(`${base}/w`, { cache, sha256: '0123456789abcdef' })).rejects.toThrow(
      /the SHA-256 is .* not 0123456789abcdef/,
    );
    expect(await readdir(cache)).toEqual([]);
    await expect(download(`${base}/w`, { cache, sha256: 'xyz' })).rejects.toThrow(
      /not the start of a SHA-256/,
    );
  });
  it('checks what the disk has, too', async () => {
    const { path } = await download(`${base}/w`, { cache, sha256: digest });
    await writeFile(path, 'altered');
    await expect(download(`${base}/w`, { cache, sha256: digest })).rejects.toThrow(/altered or damaged/);
    expect(Buffer.compare((await download(`${base}/w`, { cache, sha256: digest })).bytes, body)).toBe(0);
  });
  it('says in one line what went wrong', async () => {
    behave = (_, response) => response.writeHead(404).end();
    await expect(download(`${base}/w`, { cache })).rejects.toThrow(
      `cannot download ${base}/w: the server answered 404 Not Found`,
    );
    await expect(download('http://127.0.0.1:1/w', { cache })).rejects.toThrow(
      /^cannot download http:\/\/127\.0\.0\.1:1\/w: [^\n]+$/,
    );
    await expect(download('ftp://example.org/w', { cache })).rejects.toThrow(/only http and https/);
    await writeFile(join(cache, 'file'), '');
    await expect(download(`${base}/w`, { cache: join(cache, 'file') })).rejects.toThrow(
      /file[/\\][^\n]* cannot be reached: a part of the path is a file, not a folder$/,
    );
  });
  it('stops when told to', async () => {
    behave = (_, response) => response.write(body.subarray(0, 10));
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 50);
    await expect(download(`${base}/w`, { cache, signal: stop.signal })).rejects.toThrow(/cannot download/);
  });
});

describe('loadBase', () => {
  const zeros = (): ReturnType<typeof buildModel> =>
    buildModel({ kind: 'mobilenet_v2', options: { width: 0.35, classes: 4 } });

  it('loads the embedded base at any size', async () => {
    const { name, model, preprocess, defaultCut, licence } = await loadBase('coco-mobilenet-v3', {
      size: 128,
    });
    expect([name, preprocess.size, defaultCut]).toEqual(['coco-mobilenet-v3', 128, 'block10']);
    expect(licence).toMatch(/MIT/);
    expect(stagesOf(model)).toHaveLength(17);
  });
  it('loads torchvision weights from a file, or from the web', async () => {
    const model = buildModel({ kind: 'resnet18', options: { classes: 4 } });
    const state = [...model.stateDict()].filter(([n]) => !n.endsWith('num_batches_tracked'));
    const tensors = new Map(
      state.map(([n, t]) => [n, { shape: t.shape, data: new Float32Array(t.size).fill(0.5) }]),
    );
    const bytes = Buffer.from(writeSafetensors(tensors, { format: 'pt' }, { float16: true }));
    const path = join(cache, 'resnet18.safetensors');
    await writeFile(path, bytes);
    const fromFile = await loadBase('resnet18', { weights: path });
    expect(fromFile.model.stateDict().get('fc.weight')!.shape).toEqual([4, 512]);
    expect(fromFile.model.stateDict().get('layer2.0.bn1.running_var')!.dataSync()[0]).toBe(0.5);
    behave = serve(bytes, '"w"');
    const fromWeb = await loadBase('resnet18', { weights: `${base}/resnet18.safetensors`, cache });
    expect([...fromWeb.model.stateDict().keys()]).toEqual([...fromFile.model.stateDict().keys()]);
  }, 20_000);
  it('loads weights under the prefixes of wrappers, without their last layer or with one of another form', async () => {
    const whole = [...buildModel({ kind: 'mobilenet_v2', options: { classes: 4 } }).stateDict()];
    const features = whole.filter(([n]) => n.startsWith('features.'));
    const filled = (list: typeof whole, prefix: string, value: number): [string, TensorToWrite][] =>
      list.map(([n, t]) => [prefix + n, { shape: t.shape, data: new Float32Array(t.size).fill(value) }]);
    const path = join(cache, 'v2.safetensors');
    const write = (tensors: [string, TensorToWrite][]): Promise<void> =>
      writeFile(path, writeSafetensors(new Map(tensors), {}, { float16: true }));
    const load = async (): Promise<{ notes: string; names: string[]; value: number }> => {
      const notes: string[] = [];
      const { model, defaultCut } = await loadBase('mobilenet_v2', {
        weights: path,
        onNote: (n) => notes.push(n),
      });
      expect(stagesOf(model).map((stage) => stage.name)).toContain(defaultCut);
      const state = model.stateDict();
      const value = state.get('features.18.0.weight')!.dataSync()[0]!;
      model.dispose();
      return { notes: notes.join('; ').replaceAll(`${path}: `, ''), names: [...state.keys()], value };
    };
    for (const [i, prefix] of ['module.', 'model.', 'backbone.', 'base_model.model.', 'net.0.'].entries()) {
      await write(filled(whole, prefix, i));
      expect(await load(), prefix).toEqual({
        notes: `the prefix '${prefix}' of the names was left out`,
        names: whole.map(([n]) => n),
        value: i,
      });
    }
    const odd: [string, TensorToWrite][] = [
      ['classifier.0.weight', { shape: [7, 1280], data: new Float32Array(7 * 1280) }],
      ['optimizer.step', { shape: [], data: BigInt64Array.of(5n) }],
    ];
    await write([...filled(features, '', 9), ...odd]);
    expect(await load()).toEqual({
      notes: "the file has no 'classifier' that fits, so the network ends before it",
      names: features.map(([n]) => n),
      value: 9,
    });
    await write([...filled(whole, '', 3), ['ema.decay', { shape: [], data: [0.9] }]]);
    expect((await load()).notes).toBe('1 other tensors were left alone (ema.decay)');
    await write(filled(features.slice(5), '', 0));
    await expect(load()).rejects.toThrow(
      /do not fit mobilenet_v2: 5 of 262 are missing \(features\.0\.0\.weight, features\.0\.1\.weight, features\.0\.1\.bias …\); are they/,
    );
    await write([['encoder.w', { shape: [1], data: [1] }]]);
    await expect(load()).rejects.toThrow(
      /missing .*; the names must be torchvision's; the file's begin with encoder\.w$/,
    );
  }, 60_000);
  it('loads a model file by its path', async () => {
    const path = join(cache, 'mine.safetensors');
    const preprocess = {
      size: 32,
      fit: 'crop',
      mean: [0, 0, 0],
      std: [1, 1, 1],
      layout: 'channels-first',
    } as const;
    await writeFile(
      path,
      await saveModel(smallCnn({ classes: 2, channels: [4] }), { preprocess, name: 'mine' }),
    );
    expect(await loadBase(path)).toMatchObject({ name: 'mine', preprocess });
    await writeFile(path, await saveModel(smallCnn({ classes: 2, channels: [4] })));
    await expect(loadBase(path)).rejects.toThrow(
      /mine\.safetensors: does not say how pictures become its input, so it cannot be a base/,
    );
  });
  it('explains itself', async () => {
    await expect(loadBase('mobilenet-v2')).rejects.toThrow(
      /unknown base 'mobilenet-v2'; the nearest are 'mobilenet_v2'/,
    );
    await expect(loadBase('constructor')).rejects.toThrow(/unknown base/);
    await expect(loadBase('resnet18')).rejects.toThrow(/'resnet18' needs weights/);
    await expect(loadBase('./nowhere.safetensors')).rejects.toThrow(
      /^\.\/nowhere\.safetensors does not exist$/,
    );
    const path = join(cache, 'w.safetensors');
    await writeFile(
      path,
      writeSafetensors(
        new Map(
          [...zeros().stateDict()].map(([n, t]) => [n, { shape: t.shape, data: new Float32Array(t.size) }]),
        ),
      ),
    );
    await expect(loadBase('mobilenet_v2', { weights: path })).rejects.toThrow(
      /w\.safetensors: these weights do not fit mobilenet_v2: \d+ have another shape \(features\.0\.0\.weight is \[16, 3, 3, 3\], not \[32, 3, 3, 3\], .* …\); are they of another network\?$/,
    );
    expect((await readFile(path)).length).toBeGreaterThan(0);
  });
});
