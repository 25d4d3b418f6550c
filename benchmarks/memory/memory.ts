/**
 * Peak memory of `graft train --base X.onnx` (head-only, wasm) on torchvision's classifiers at 224 × 224, each in a process
 * of its own: resident set at its peak as Linux counts it (VmHWM), seconds, exit code. The networks have random weights.
 * Wants Debian's python3-torchvision and python3-onnx.
 */
import { Random } from '@graftjs/core';
import { encodePng } from '@graftjs/vision/node';
import { defineCommand, runMain } from 'citty';
import { execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const CLASSIFIERS = [
  ...['mobilenet_v2', 'mobilenet_v3_small', 'squeezenet1_0', 'shufflenet_v2_x1_0', 'mnasnet1_0'],
  ...['regnet_y_400mf', 'efficientnet_b0', 'efficientnet_v2_s', 'resnet18', 'resnet50', 'resnext50_32x4d'],
  ...['googlenet', 'densenet121', 'inception_v3', 'alexnet', 'vgg11', 'convnext_tiny'],
];
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const MB = 1e6;

/** Noise with a tint that tells the class, 224 × 224 pixels. */
async function makePictures(folder: string, count: number): Promise<void> {
  const tints = [
    [40, 0, 0],
    [0, 40, 0],
    [0, 0, 40],
  ] as const;
  for (let i = 0; i < count; i++) {
    const tint = tints[i % tints.length]!;
    const noise = new Random(i, 'picture').normalArray(224 * 224 * 3);
    const pixels = Uint8Array.from(noise, (v, k) => Math.min(255, Math.max(0, 110 + 30 * v + tint[k % 3]!)));
    const name = join(folder, `tint${i % tints.length}`, `${i}.png`);
    await mkdir(join(name, '..'), { recursive: true });
    await writeFile(name, await encodePng({ width: 224, height: 224, data: pixels }));
  }
}

interface Run {
  readonly code: number | null;
  readonly seconds: number;
  /** Bytes. */
  readonly peak: number;
  readonly output: string;
}

/** Runs Node and looks, ten times a second, how large it has become at most. */
function measured(args: readonly string[]): Promise<Run> {
  const started = performance.now();
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let peak = 0;
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += String(text)));
  const look = setInterval(() => {
    readFile(`/proc/${child.pid}/status`, 'latin1').then(
      (status) => (peak = Math.max(peak, 1024 * Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0))),
      () => {},
    );
  }, 100);
  return new Promise((resolve) => {
    child.on('close', (code) => {
      clearInterval(look);
      resolve({ code, seconds: (performance.now() - started) / 1000, peak, output });
    });
  });
}

const command = defineCommand({
  meta: { name: 'memory', description: 'Peak memory of head-only training on torchvision classifiers' },
  args: {
    networks: { type: 'string', description: 'A folder with the .onnx files, made there if missing' },
    only: { type: 'string', description: 'Names, separated by commas' },
    pictures: { type: 'string', default: '72' },
    epochs: { type: 'string', default: '3' },
    python: { type: 'string', default: '/usr/bin/python3' },
  },
  async run({ args }) {
    const work = await mkdtemp(join(tmpdir(), 'graft-memory-'));
    const networks = args.networks ?? work;
    const names = args.only ? args.only.split(',') : CLASSIFIERS;
    try {
      await mkdir(networks, { recursive: true });
      await promisify(execFile)(args.python, [here('export-classifiers.py'), networks, ...names]);
      await makePictures(join(work, 'pictures'), Number(args.pictures));
      console.log('network              file MB  peak MB  limit MB  seconds  exit');
      for (const name of names) {
        const file = join(networks, `${name}.onnx`);
        const { code, seconds, peak, output } = await measured([
          ...['--conditions=@graftjs/source', '--import', 'tsx', here('../../apps/cli/src/main.ts'), 'train'],
          ...[join(work, 'pictures'), '--base', file, '--out', join(work, `${name}.safetensors`)],
          ...['--backend', 'wasm', '--epochs', args.epochs, '--cache', 'off', '--no-report'],
        ]);
        const bytes = (await stat(file)).size;
        const limit = 2 ** 30 + 2 * bytes;
        const numbers = [bytes / MB, peak / MB, limit / MB, seconds].map((v) => v.toFixed(0).padStart(8));
        console.log(`${name.padEnd(20)}${numbers.join(' ')}  ${code}${peak > limit ? '  over' : ''}`);
        if (code !== 0) console.log(output.trim().split('\n').slice(-3).join('\n'));
        await rm(join(work, `${name}.safetensors`), { force: true });
      }
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  },
});

await runMain(command);
