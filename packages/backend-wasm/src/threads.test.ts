import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { GraftError, StateError, UnsupportedError } from '@graftjs/core/backend';
import { afterEach, expect, test, vi } from 'vitest';
import { createWasmBackend, type WasmBackend } from './index.ts';
import { instantiate, kernelNames } from './module.ts';
import { readFile, webAssembly } from './host.ts';
import { FIELD, WORDS, WORDS_AT } from './worker.ts';
import { Threads } from './threads.ts';

const spec = { dtype: 'float32', shape: [1 << 20] } as const;
const ramp = Float32Array.from({ length: 1 << 20 }, (_, i) => Math.sin(i));

/** SHA-256 of the values: comparing a million numbers one by one takes vitest a minute. */
function exponentials(backend: WasmBackend): string {
  const x = backend.upload(ramp, spec);
  const y = backend.run('unary', [{ buffer: x, spec }], { kind: 'exp' }, spec);
  const values = backend.readSync!(y, spec) as Float32Array;
  backend.release(x);
  backend.release(y);
  return createHash('sha256').update(values).digest('hex');
}

/** The host's WebAssembly, with an opinion of its own on what is valid. (Its functions are not enumerable.) */
function hostThat(validate: () => boolean): object {
  const { compile, Memory, Instance } = webAssembly()!;
  return { compile, Memory, Instance, validate };
}

/** Threads, and the words over which they get their work. */
async function pool(count: number, patience?: number, start?: number) {
  const kernels = await readFile(new URL('./kernels.wasm', import.meta.url));
  const { module, memory, wasm } = await instantiate(kernels, 16, true);
  const tuning = { worth: 1, ...(patience ? { patience } : {}), ...(start ? { start } : {}) };
  const threads = await Threads.start(module, memory, kernelNames(wasm), count, tuning);
  return { threads, words: new Int32Array(memory.buffer, WORDS_AT, WORDS) };
}

afterEach(() => {
  vi.unstubAllGlobals();
});

test('every number of threads gives the same bits, and the work of one is not lost when another takes it', async () => {
  const one = await createWasmBackend({ threads: 1 });
  const want = exponentials(one);
  for (const threads of [2, 3, 7]) {
    const backend = await createWasmBackend({ threads });
    expect(backend.threads).toBe(threads);
    for (let i = 0; i < 20; i++) expect(exponentials(backend)).toBe(want);
    await backend.dispose();
  }
});

test('threads must be a whole number from 1 on', async () => {
  for (const threads of [0, -1, 1.5, NaN, 1000]) {
    await expect(createWasmBackend({ threads })).rejects.toThrow(GraftError);
    await expect(createWasmBackend({ threads })).rejects.toThrow(
      `threads must be a whole number from 1 to 128, not ${threads}`,
    );
  }
});

test('by default there are as many as processors', async () => {
  const { availableParallelism } = await import('node:os');
  const backend = await createWasmBackend();
  expect(backend.threads).toBe(availableParallelism());
  expect(backend.notes).toEqual([]);
  await backend.dispose();
});

test('where memory cannot be shared it runs on one thread, and says why', async () => {
  vi.stubGlobal('SharedArrayBuffer', undefined);
  const backend = await createWasmBackend({ threads: 4 });
  expect(backend.threads).toBe(1);
  expect(backend.notes).toHaveLength(1);
  expect(backend.notes[0]).toMatch(/one thread instead of 4: SharedArrayBuffer .* cross-origin isolated/);
});

test('where a thread cannot start it runs on one, and says why', async () => {
  const real = process.getBuiltinModule;
  const broken = {
    Worker: class {
      constructor() {
        throw new Error('no more threads for you');
      }
    },
  };
  vi.spyOn(process, 'getBuiltinModule').mockImplementation(((name: string) =>
    name === 'node:worker_threads' ? broken : real(name)) as typeof real);
  const backend = await createWasmBackend({ threads: 3 });
  vi.restoreAllMocks();
  expect(backend.threads).toBe(1);
  expect(backend.notes).toEqual([
    expect.stringMatching(/one thread instead of 3: .*no more threads for you/),
  ]);
  exponentials(backend);
});

test('a thread that never answers is not waited for', async () => {
  const real = process.getBuiltinModule;
  const terminate = vi.fn(async () => {});
  const Worker = vi.fn(function () {
    return { on: () => {}, postMessage: () => {}, unref: () => {}, terminate };
  });
  vi.spyOn(process, 'getBuiltinModule').mockImplementation(((name: string) =>
    name === 'node:worker_threads' ? { Worker } : real(name)) as typeof real);
  await expect(pool(2, 1000, 20)).rejects.toThrow(
    /thread \d did not start: it did not answer within 0\.02 s/,
  );
  await vi.waitFor(() => expect(terminate).toHaveBeenCalledTimes(2));
  vi.restoreAllMocks();
});

test('a policy that forbids WebAssembly is named with the directive', async () => {
  const compile = async (): Promise<never> => {
    throw new Error(
      "WebAssembly.compile(): Compiling or instantiating WebAssembly module violates the following Content Security policy directive because neither 'wasm-eval' nor 'unsafe-eval' is an allowed source of script in the following Content Security Policy directive: \"script-src 'self'\"",
    );
  };
  vi.stubGlobal('WebAssembly', { ...hostThat(() => true), compile });
  const refused = createWasmBackend({ threads: 1 });
  await expect(refused).rejects.toThrow(UnsupportedError);
  await expect(refused).rejects.toThrow(
    /Content-Security-Policy .* must have 'wasm-unsafe-eval' in script-src/,
  );
});

test('a host without SIMD is refused with what to do', async () => {
  vi.stubGlobal(
    'WebAssembly',
    hostThat(() => false),
  );
  await expect(createWasmBackend()).rejects.toThrow(UnsupportedError);
  await expect(createWasmBackend()).rejects.toThrow(/128-bit SIMD .*'cpu' runs everywhere/);
});

test('two backends work side by side, and one goes on when the other is disposed', async () => {
  const [a, b] = await Promise.all([createWasmBackend({ threads: 2 }), createWasmBackend({ threads: 3 })]);
  const want = exponentials(a);
  expect(exponentials(b)).toBe(want);
  await a.dispose();
  expect(exponentials(b)).toBe(want);
  await b.dispose();
});

test('after its disposal a backend says so; giving buffers back is harmless', async () => {
  const backend = await createWasmBackend({ threads: 2 });
  const x = backend.upload(ramp, spec);
  await backend.dispose();
  await backend.dispose();
  expect(() => exponentials(backend)).toThrow(StateError);
  expect(() => backend.readSync!(x, spec)).toThrow(/was disposed/);
  expect(() => backend.run('unary', [{ buffer: x, spec }], { kind: 'exp' }, spec)).toThrow(StateError);
  backend.release(x);
});

test('a thread that dies between tasks is not missed', async () => {
  const { threads } = await pool(2);
  expect(threads.count).toBe(2);
  await threads.stop();
  expect(threads.count).toBe(0);
  expect(threads.run({ kernel: 'setThread', args: [], count: 100, cost: 1e9 }, () => {})).toBe(false);
});

test('a thread that dies at work is given up after a while, and the rest of the work goes on without threads', async () => {
  const { threads, words } = await pool(1, 50);
  Atomics.add(words, FIELD.inside, 1); // as if a worker had entered and never left
  const task = { kernel: 'setThread', args: [], count: 100, cost: 1e9 } as const;
  expect(() => threads.run(task, () => {})).toThrow(/died at work: the result is lost/);
  expect(threads.run(task, () => {})).toBe(false);
});

test('a trap in another thread is an error of the caller, and the next task runs', async () => {
  const { threads } = await pool(1);
  // Past the end of a memory of two pages.
  const bad = { kernel: 'fillBytes', args: [1 << 30, 0], count: 64, cost: 1e9 } as const;
  const slow = (): void => {
    for (const until = Date.now() + 20; Date.now() < until;) void 0;
  };
  let failed = 0;
  for (let i = 0; i < 20 && !failed; i++) {
    try {
      threads.run(bad, slow);
    } catch (error) {
      expect(String(error)).toMatch(/thread 2 of 'wasm' failed in 'fillBytes'/);
      failed++;
    }
  }
  expect(failed).toBe(1);
  expect(threads.run({ ...bad, kernel: 'setThread', args: [] }, () => {})).toBe(true);
  await threads.stop();
});

test('a process ends by itself when the work is done', async () => {
  const script = `
    import { createWasmBackend } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)};
    const backend = await createWasmBackend({ threads: 3 });
    console.log(backend.threads);`;
  const args = ['--conditions=@graftjs/source', '--import', 'tsx', '--input-type=module', '-e', script];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: import.meta.dirname });
  expect(stdout.trim()).toBe('3');
});

test('the entry that carries the kernels gives the same backend', async () => {
  const inline = await import('./inline.ts');
  const [a, b] = [await createWasmBackend({ threads: 2 }), await inline.createWasmBackend({ threads: 2 })];
  expect(exponentials(b)).toBe(exponentials(a));
  await Promise.all([a.dispose(), b.dispose()]);
});

test('a V8 whose revectorizer is slow goes without it, and says so', async () => {
  const backend = await createWasmBackend({ threads: 1, revectorize: true });
  const slow = Number.parseInt(process.versions.v8) < 13;
  expect(backend.notes).toEqual(
    slow ? [expect.stringMatching(/without revectorizing: .* from Node 24 on/)] : [],
  );
});

test('relaxed SIMD: nearly the same numbers, from both entries, whatever the threads', async () => {
  const inline = await import('./inline.ts');
  const shape = { dtype: 'float32', shape: [200, 200] } as const;
  const values = Float32Array.from({ length: 40_000 }, (_, i) => Math.sin(i) / 3);
  const square = async (make: () => Promise<WasmBackend>): Promise<Float32Array> => {
    const backend = await make();
    expect(backend.notes).toEqual([]);
    const x = { buffer: backend.upload(values, shape), spec: shape };
    const y = backend.run('matmul', [x, x], { transposeA: false, transposeB: false }, shape);
    const result = backend.readSync!(y, shape) as Float32Array;
    await backend.dispose();
    return result;
  };
  const plain = await square(() => createWasmBackend({ threads: 1 }));
  const relaxed = await square(() => createWasmBackend({ threads: 1, relaxedSimd: true }));
  const other = await square(() => inline.createWasmBackend({ threads: 3, relaxedSimd: true }));
  expect(Buffer.from(other.buffer).equals(Buffer.from(relaxed.buffer))).toBe(true);
  // 200 products of at most 1/9, each rounding at most 2⁻²⁴ of a sum that stays below 200/9.
  const bound = 2 * 200 * (200 / 9) * 2 ** -24;
  expect(relaxed.every((v, i) => Math.abs(v - plain[i]!) <= bound)).toBe(true);
});

test('a host without relaxed SIMD runs the other kernels, and says so', async () => {
  let calls = 0;
  // Refuses the relaxed build, before and after the flag, and takes the plain one.
  vi.stubGlobal(
    'WebAssembly',
    hostThat(() => ++calls > 2),
  );
  const backend = await createWasmBackend({ threads: 1, relaxedSimd: true });
  vi.unstubAllGlobals();
  expect(backend.notes).toEqual([expect.stringMatching(/without relaxed SIMD/)]);
  exponentials(backend);
});
