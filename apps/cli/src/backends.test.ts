import { add, GraftError, tensor } from '@graftjs/core';
import { availableParallelism } from 'node:os';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { BACKENDS } from './backends.ts';
import { importNativeOrt, nativeFeature, openOnnxBackend } from './onnx-backend.ts';
import { backendChoice, createBackend, openBackend, whyNot } from './open-backend.ts';
import { graft, temporaryFolder, tinyBase } from './testing.ts';
import { wasmFeatures } from './wasm-features.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let base = '';
beforeAll(async () => {
  folder = await temporaryFolder();
  base = await tinyBase(`${folder.path}/tiny.safetensors`);
});
afterAll(() => folder.remove());
afterEach(() => void vi.unstubAllGlobals());

const processors = availableParallelism();

describe('--backend and --threads', () => {
  const commands = [
    ['train', 'photos', '--out', 'model.safetensors'],
    ['evaluate', 'model.safetensors', 'photos'],
    ['predict', 'model.safetensors', 'a.jpg'],
    ['inspect', 'model.safetensors'],
  ];

  it.each<[string[], string]>([
    [['--threads', '0'], "--threads wants a whole number from 1 to 128, not '0'"],
    [['--threads', '-2'], "--threads wants a whole number from 1 to 128, not '-2'"],
    [['--threads', 'two'], "--threads wants a whole number from 1 to 128, not 'two'"],
    [['--threads', '1.5'], "--threads wants a whole number from 1 to 128, not '1.5'"],
    [['--threads', '129'], "--threads wants a whole number from 1 to 128, not '129'"],
    [['--threads'], '--threads wants a value: --threads N'],
    [['--backend', 'nope'], "unknown backend 'nope'; 'graft backends' lists them all"],
    [
      ['--backend', 'cpu', '--threads', '2'],
      "the backend 'cpu' has one thread, so --threads 2 does not go with it; leave it out, or take --backend wasm or --backend onnx",
    ],
  ])('%j is refused by every command, before anything is read', async (options, message) => {
    for (const command of commands) {
      expect(await graft([...command, ...options])).toEqual({ code: 2, out: '', err: `graft: ${message}\n` });
    }
  });

  it('the usual is wasm with a thread for each processor', async () => {
    const choice = backendChoice({ _: [] });
    expect(choice).toEqual({ backend: 'wasm', threads: null });
    const { backend, threads, notes } = await createBackend(choice);
    expect([backend.name, threads, notes]).toEqual(['wasm', processors, []]);
    await backend.dispose();
  });

  it('others are as asked for', async () => {
    for (const [name, asked] of [
      ['wasm', 3],
      ['wasm', 1],
      ['cpu', 1],
      ['onnx', 2],
    ] as const) {
      const choice = backendChoice({ _: [], backend: name, threads: String(asked) });
      const { backend, threads } = await createBackend(choice);
      expect([backend.name, threads]).toEqual([name, asked]);
      await backend.dispose();
    }
    expect((await graft(['inspect', base, '--backend', 'cpu', '--threads', '1'])).code).toBe(0);
  });

  it('what is not as asked for is said in one line, and the number of threads is true', async () => {
    vi.stubGlobal('SharedArrayBuffer', undefined);
    const { code, err } = await graft(['inspect', base, '--threads', '3']);
    expect(code).toBe(0);
    expect(err).toMatch(
      /^'wasm' runs on one thread instead of 3: SharedArrayBuffer is not to be had here.*\n$/,
    );
    const said: string[] = [];
    const { backend, threads } = await openBackend({ backend: 'wasm', threads: 3 }, (note) =>
      said.push(note),
    );
    expect([threads, said]).toEqual([1, [err.trimEnd()]]);
    await backend.dispose();
  });
});

describe('a backend that cannot run here', () => {
  const reason = "'wasm' needs a host with WebAssembly; the backend 'cpu' runs everywhere";

  it('is refused with the reason', async () => {
    vi.stubGlobal('WebAssembly', undefined);
    expect(await graft(['inspect', base])).toEqual({
      code: 1,
      out: '',
      err: `graft: the backend 'wasm' cannot run here: ${reason}\n`,
    });
    expect((await graft(['inspect', base, '--backend', 'cpu'])).code).toBe(0);
  });

  it('is listed with the reason', async () => {
    vi.stubGlobal('WebAssembly', undefined);
    const { code, out } = await graft(['backends']);
    expect(code).toBe(0);
    expect(out).toMatch(/^wasm \(default\) +no +– {2}/m);
    expect(out).toMatch(/^cpu +yes +1 {2}/m);
    expect(out).toContain(`\n'wasm' cannot run here: ${reason}\n`);
    const { backends } = JSON.parse((await graft(['backends', '--json'])).out) as { backends: unknown[] };
    expect(backends[0]).toMatchObject({ name: 'wasm', available: false, reason, threads: null });
  });

  it('for want of a package says which, and how to install it', async () => {
    const name = '@graftjs/no-such-package';
    const error: unknown = await import(name).catch((e: unknown) => e);
    expect(whyNot(error)).toBe(`the package ${name} is not installed; install it with 'npm install ${name}'`);
    expect(whyNot(new GraftError('no GPU'))).toBe('no GPU');
  });
});

describe('onnx', () => {
  it('is native where onnxruntime-node is installed', async () => {
    const native = await importNativeOrt();
    expect(nativeFeature(native)).toEqual({
      name: 'onnxruntime-node',
      here: true,
      note: 'native code does the work',
    });
    const { notes, variant, dispose } = await openOnnxBackend(native, 1);
    expect([notes, variant]).toEqual([[], 'native']);
    await dispose();
    const opened = await createBackend({ backend: 'onnx', threads: 1 });
    expect(opened.featureMark).toBe('onnx-native-');
    await opened.backend.dispose();
  });

  it('runs in WebAssembly elsewhere, and says why', async () => {
    const absent = Object.assign(new Error("Cannot find package 'onnxruntime-node' imported from /x.js"), {
      code: 'ERR_MODULE_NOT_FOUND',
    });
    const broken = new Error('libstdc++.so.6: cannot open shared object file\nmore');
    for (const [error, reason, more] of [
      [absent, 'is not installed', "; 'npm install onnxruntime-node' installs it"],
      [broken, 'cannot be loaded (libstdc++.so.6: cannot open shared object file)', ''],
    ] as const) {
      const native = await importNativeOrt(() => Promise.reject(error));
      expect(nativeFeature(native)).toEqual({
        name: 'onnxruntime-node',
        here: false,
        note: `${reason}; onnxruntime-web does the work, in WebAssembly`,
      });
      const backend = await openOnnxBackend(native, null);
      expect(backend.variant).toBe('web');
      expect(backend.notes).toEqual([
        `'onnx' runs in WebAssembly: onnxruntime-node, several times as fast, ${reason}${more}`,
      ]);
      const sum = add(tensor([1, 2], [2], { backend }), tensor([3, 4], [2], { backend }));
      expect([...(await sum.data())]).toEqual([4, 6]);
      await backend.dispose();
    }
  });
});

describe('graft backends', () => {
  it('lists every backend with the threads that it would use', async () => {
    const { out } = await graft(['backends']);
    expect(out).toMatch(new RegExp(`^wasm \\(default\\) +yes +${processors} {2}`, 'm'));
    expect(out).toMatch(/^cpu +yes +1 {2}/m);
    expect(out).toMatch(/^ {2}SIMD +yes$/m);
    const { backends } = JSON.parse((await graft(['backends', '--json'])).out) as { backends: object[] };
    expect(backends).toHaveLength(BACKENDS.length);
    expect(backends).toMatchObject([
      { name: 'wasm', available: true, reason: null, default: true, threads: processors, notes: [] },
      { name: 'cpu', available: true, reason: null, default: false, threads: 1, features: [] },
      { name: 'tfjs', available: true, reason: null, default: false, threads: 1, features: [] },
      { name: 'onnx', available: true, reason: null, default: false, threads: processors, notes: [] },
      {
        name: 'webgl',
        available: false,
        reason: expect.stringMatching(/^Node has no WebGL; /),
        default: false,
      },
    ]);
  });

  it('asks the host for its features', () => {
    const here = (): Record<string, boolean> =>
      Object.fromEntries(wasmFeatures().map((f) => [f.name, f.here]));
    expect(here()).toMatchObject({ SIMD: true, threads: true });
    vi.stubGlobal('SharedArrayBuffer', undefined);
    expect(here()).toMatchObject({ SIMD: true, threads: false });
    vi.stubGlobal('WebAssembly', undefined);
    expect(here()).toMatchObject({ SIMD: false, threads: false, 'relaxed SIMD': false });
  });
});
