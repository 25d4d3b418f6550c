import { check, describeFailure, cases, subjectOf } from '@graftjs/conformance';
import {
  add,
  broadcastTo,
  conv,
  gather,
  KernelError,
  maxPool,
  memory,
  mul,
  scope,
  StateError,
  tensor,
  UnsupportedError,
} from '@graftjs/core';
import { afterEach, describe, expect, test } from 'vitest';
import { createWebglBackend, type Mode, type WebglBackend, type WebglBackendOptions } from '../src/index.ts';
import type { Gl } from '../src/gl.ts';
import { modelOf } from './target.ts';

const made: WebglBackend[] = [];
async function create(options: WebglBackendOptions = {}): Promise<WebglBackend> {
  const backend = await createWebglBackend(options);
  made.push(backend);
  return backend;
}
afterEach(async () => {
  for (const backend of made.splice(0)) await backend.dispose();
});

const context = (): Gl => new OffscreenCanvas(1, 1).getContext('webgl2')!;

/** 1 + 2 + … + n on a backend, as a sign of life. */
async function works(backend: WebglBackend): Promise<void> {
  const x = tensor([1, 2, 3, 4, 5], [5], { backend });
  const y = scope(() => x.sum());
  expect(await y.data()).toEqual(Float32Array.of(15));
  for (const t of [x, y]) t.dispose();
}

describe('what is refused, in a sentence', () => {
  test.each(['headlessgl', 'webgl', 'webgpu', 'webasm', 'cpu'] satisfies Mode[])(
    "gpu.js's %s",
    async (mode) => {
      const attempt = createWebglBackend({ mode });
      await expect(attempt).rejects.toThrow(UnsupportedError);
      await expect(attempt).rejects.toThrow(new RegExp(`does not offer gpu.js's mode '${mode}': it `));
    },
  );

  test('a device without float textures', async () => {
    const gl = context();
    gl.getExtension = () => null;
    const attempt = createWebglBackend({ context: gl });
    await expect(attempt).rejects.toThrow(UnsupportedError);
    await expect(attempt).rejects.toThrow(/needs float textures .*EXT_color_buffer_float/);
  });

  test("the same with gpu.js's own context", async () => {
    await create(); // gpu.js looks at the device once in a page's life, and shall find it as it is
    const { prototype } = WebGL2RenderingContext;
    const real = prototype.getExtension as (name: string) => unknown;
    prototype.getExtension = function (this: Gl, name: string) {
      return name === 'EXT_color_buffer_float' ? null : real.call(this, name);
    } as typeof prototype.getExtension;
    try {
      await expect(createWebglBackend()).rejects.toThrow(/needs float textures .*EXT_color_buffer_float/);
    } finally {
      prototype.getExtension = real as typeof prototype.getExtension;
    }
  });

  test('a tensor larger than a texture, with the limit', async () => {
    const backend = await create();
    const limit = backend.context.getParameter(backend.context.MAX_TEXTURE_SIZE) as number;
    const one = tensor(1, [], { backend });
    const wide = (): unknown => broadcastTo(one, [limit * 8192 + 1]);
    expect(wide).toThrow(UnsupportedError);
    expect(wide).toThrow(
      new RegExp(`needs a texture of ${limit + 1} rows.*MAX_TEXTURE_SIZE, is ${limit} .*smaller batches`),
    );
    one.dispose();
    await works(backend);
  });

  test('a disposed backend', async () => {
    const backend = await create();
    const x = tensor([1], [1], { backend });
    await backend.dispose();
    expect(() => add(x, x)).toThrow(StateError);
    await expect(x.data()).rejects.toThrow(/was disposed, .*make a new one/);
  });
});

test('an index that was computed on the device fails whoever depends on it, and nobody else', async () => {
  const backend = await create();
  const [x, two] = [tensor([1, 2, 3], [3], { backend }), tensor(Int32Array.of(2), [1], { backend })];
  const at = add(two, two);
  const wrong = gather(x, at);
  const dependent = add(wrong, 1);
  const other = add(x, 1);
  await expect(dependent.data()).rejects.toThrow(KernelError);
  await expect(wrong.data()).rejects.toThrow(
    /^gather\(float32\[3\], int32\[1\]\) failed: an index is outside \[0, 3\)/,
  );
  expect([...(await other.data())]).toEqual([2, 3, 4]);
  await expect(backend.flush()).rejects.toThrow(/gather/);
  await backend.flush(); // said once
  for (const t of [x, two, at, wrong, dependent, other]) t.dispose();
});

describe('a lost context', () => {
  test('rejects what is queued, and another backend can be made', async () => {
    const backend = await create();
    const x = tensor(new Float32Array(1 << 16).fill(2), [1 << 16], { backend });
    const queued = mul(x, x).data();
    const flushed = backend.flush();
    backend.context.getExtension('WEBGL_lose_context')!.loseContext();
    await expect(queued).rejects.toThrow(StateError);
    await expect(queued).rejects.toThrow(/context was lost .*make a new backend/);
    await expect(flushed).rejects.toThrow(/context was lost/);
    expect(() => mul(x, x)).toThrow(/context was lost .*make a new backend/);
    expect(() => tensor([1], [1], { backend })).toThrow(StateError);
    x.dispose();
    await works(await create());
  });

  test('is noticed before the first op', async () => {
    const gl = context();
    gl.getExtension('WEBGL_lose_context')!.loseContext();
    await expect(createWebglBackend({ context: gl })).rejects.toThrow(/context that is lost/);
  });
});

/** A device whose every number drawn loses all but 11 bits of its significand, as half floats do. */
function coarse(): Gl {
  const gl = context();
  const compile = gl.shaderSource.bind(gl);
  gl.shaderSource = (shader, source) => {
    const outputs = [...source.matchAll(/out (?:highp )?vec4 (\w+)/g)].map((found) => found[1]!);
    const cut = outputs.map((y) => `${y} = intBitsToFloat(floatBitsToInt(${y}) & ~0x1fff);`).join('\n');
    const end = source.lastIndexOf('}');
    compile(shader, outputs.length > 0 ? `${source.slice(0, end)}${cut}\n}` : source);
  };
  return gl;
}

describe('a device with less than float32', () => {
  test('is refused', async () => {
    const attempt = createWebglBackend({ context: coarse() });
    await expect(attempt).rejects.toThrow(UnsupportedError);
    await expect(attempt).rejects.toThrow(/computes with 11 bits of 24.*allowLowPrecision/);
  });

  test('is taken on request, and keeps within the bound that it states', async () => {
    const backend = await create({ context: coarse(), allowLowPrecision: true });
    expect(backend.significand).toBe(11);
    const rounding = await backend.measureRounding();
    expect(rounding.arithmetic).toBeGreaterThanOrEqual(2 ** 13);
    const create_ = async (): Promise<WebglBackend> => backend;
    const subject = subjectOf(
      { name: 'coarse', create: create_, signedZero: false, model: modelOf(rounding) },
      backend,
    );
    const float32 = subjectOf({ name: 'float32', create: create_, signedZero: false }, backend);
    const wanted = cases.filter(
      ({ op, special }) => !special && /^(binary (add|sub|mul|div)|matmul|conv)$/.test(op),
    );
    let [held, beyond] = [0, 0];
    for (const c of wanted) {
      const outcome = await check(c, 'test', subject);
      // Over hundreds of terms, as many roundings of this size may add up to anything.
      if (/nothing bounds the error/.test(outcome.message)) continue;
      held++;
      expect(outcome.status, describeFailure(outcome)).toBe('passed');
      if ((await check(c, 'test', float32)).status === 'failed') beyond++;
    }
    // It really is less: float32's own bounds do not hold.
    expect(held).toBeGreaterThan(wanted.length / 2);
    expect(beyond).toBeGreaterThan(held / 2);
  });
});

describe('what is kept', () => {
  test('nothing grows over 1,000 steps', async () => {
    const backend = await create();
    const x = tensor(
      Float32Array.from({ length: 2 * 3 * 12 * 12 }, (_, i) => (i % 7) - 3),
      [2, 3, 12, 12],
      { backend },
    );
    const w = tensor(
      Float32Array.from({ length: 4 * 3 * 9 }, (_, i) => (i % 5) - 2),
      [4, 3, 3, 3],
      { backend },
    );
    const step = (): void => scope(() => void maxPool(conv(x, w), 2).relu().mean());
    for (let i = 0; i < 10; i++) step();
    await backend.flush();
    const before = { ...backend.counts(), ...backend.memory!(), ...memory(backend) };
    for (let i = 0; i < 1000; i++) step();
    await backend.flush();
    expect({ ...backend.counts(), ...backend.memory!(), ...memory(backend) }).toEqual(before);
    for (const t of [x, w]) t.dispose();
  });

  test('programs and textures stay within their limits, with the same results', async () => {
    const backend = await create({ maxPrograms: 2, maxPooledBytes: 1 << 16 });
    const x = tensor(new Float32Array(10_000).fill(3), [100, 100], { backend });
    for (let i = 0; i < 3; i++) {
      const y = scope(() => x.mul(2).add(1).sqrt().reshape([10_000]));
      expect((await y.data())[9_999]).toBe(Math.fround(Math.sqrt(7)));
      y.dispose();
      expect(backend.counts().programs).toBeLessThanOrEqual(2);
      expect(backend.memory!().pooled).toBeLessThanOrEqual(1 << 16);
    }
    x.dispose();
  });

  test("the page's own GPU, WebGPU's interface, is not gpu.js's", async () => {
    await create();
    const GPU = (globalThis as { GPU?: { prototype: object } }).GPU;
    expect(GPU === undefined || !('createKernel' in GPU.prototype)).toBe(true);
  });
});

test('a context of the caller is used, and left', async () => {
  const gl = context();
  const backend = await create({ context: gl });
  expect(backend.context).toBe(gl);
  await works(backend);
  await backend.dispose();
  expect(gl.isContextLost()).toBe(false);
});
