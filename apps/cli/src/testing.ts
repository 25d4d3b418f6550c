import { createCpuBackend } from '@graftjs/backend-cpu';
import { BatchNorm2d, Conv2d, manualSeed, Random, ReLU, Sequential, setDefaultBackend } from '@graftjs/core';
import { saveModel } from '@graftjs/models';
import { createPicture } from '@graftjs/vision';
import { encodePng } from '@graftjs/vision/node';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Io } from './io.ts';
import { run } from './run.ts';

export interface Captured {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

interface GraftOptions {
  readonly tty?: boolean;
  readonly env?: Io['env'];
  /** Ctrl-C as soon as standard error says this. */
  readonly interruptAt?: RegExp;
}

/** Runs a command line in this process. */
export async function graft(argv: readonly string[], options: GraftOptions = {}): Promise<Captured> {
  const { tty = false, env = {}, interruptAt } = options;
  let [out, err] = ['', ''];
  let listener: ((exitCode: number) => void) | undefined;
  const interruptIfTime = (): void => {
    if (!interruptAt?.test(err)) return;
    const told = listener;
    listener = undefined;
    told?.(130);
  };
  const output = (take: (text: string) => void): Io['stdout'] => ({ write: take, isTTY: tty, columns: 100 });
  const io: Io = {
    stdout: output((text) => (out += text)),
    stderr: output((text) => {
      err += text;
      interruptIfTime();
    }),
    env: { XDG_CACHE_HOME: join(tmpdir(), 'graft-no-cache'), ...env },
    onInterrupt(next) {
      listener = next;
      interruptIfTime();
      return () => (listener = undefined);
    },
  };
  return { code: await run(argv, io), out, err };
}

/** One line on standard error that fits, nothing on standard output, nothing written to `folder`. */
export async function expectRefused(
  result: Captured,
  code: number,
  message: RegExp,
  folder: string,
): Promise<void> {
  expect(result.err.trimEnd().split('\n')).toHaveLength(1);
  expect(result.err).toMatch(/^graft: \S/);
  expect(result.err).toMatch(message);
  expect([result.code, result.out]).toEqual([code, '']);
  expect(await readdir(folder)).toEqual([]);
}

/** A folder that the test removes. */
export async function temporaryFolder(): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'graft-cli-test-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** Noise around a colour, as PNG. */
export async function picture(
  colour: readonly [number, number, number],
  seed: number,
  size = 32,
): Promise<Uint8Array> {
  const out = createPicture(size, size);
  const noise = new Random(seed, 'picture');
  for (let i = 0; i < out.data.length; i++) {
    out.data[i] = Math.max(0, Math.min(255, colour[i % 3]! + Math.floor(noise.uniform() * 80) - 40));
  }
  return encodePng(out);
}

const COLOURS = { blue: [60, 80, 190], green: [60, 180, 80], red: [190, 70, 60] } as const;

/** `path/{blue,green,red}/0.png …`: easy to tell apart. */
export async function pictureFolder(
  path: string,
  perClass: number,
  classes: readonly (keyof typeof COLOURS)[] = ['blue', 'green', 'red'],
  seed = 0,
): Promise<string> {
  for (const name of classes) {
    await mkdir(join(path, name), { recursive: true });
    for (let i = 0; i < perClass; i++) {
      await writeFile(join(path, name, `${i}.png`), await picture(COLOURS[name], seed + i));
    }
  }
  return path;
}

/** A base that takes milliseconds: two strided convolutions with random weights, for pictures of 32 pixels. */
export async function tinyBase(path: string): Promise<string> {
  setDefaultBackend(await createCpuBackend());
  manualSeed(1);
  const model = new Sequential({
    conv1: new Conv2d(3, 8, 3, { stride: 4 }),
    bn1: new BatchNorm2d(8),
    relu1: new ReLU(),
    conv2: new Conv2d(8, 12, 3, { stride: 2 }),
    relu2: new ReLU(),
  });
  const preprocess = {
    size: 32,
    fit: 'squash',
    mean: [0.5, 0.5, 0.5],
    std: [0.25, 0.25, 0.25],
    layout: 'channels-first',
  } as const;
  await writeFile(path, await saveModel(model, { name: 'tiny', preprocess }));
  model.dispose();
  setDefaultBackend(null);
  return path;
}
