/**
 * Reads and runs damaged files, `SEED COUNT` of them, with a third argument only those of a family; prints a JSON line before and after each. Started by fuzz.ts with
 * little memory: whatever ends this process was the file of the last line.
 */
import { createCpuBackend } from '@graftjs/backend-cpu';
import { createWasmBackend } from '@graftjs/backend-wasm';
import { GraftError, Random, setDefaultBackend } from '@graftjs/core';
import { writeSync } from 'node:fs';
import { corpus, FAMILIES } from './corpus.ts';
import { mutateBytes, mutateJson, mutateOnnx, mutateSafetensors, pick } from './mutate.ts';
import { readAndRun, type Whole } from './run-file.ts';

const [first, count] = process.argv.slice(2).map(Number) as [number, number];
const only = process.argv[4];
const say = (line: object): void => void writeSync(1, `${JSON.stringify(line)}\n`);

const cpu = await createCpuBackend();
const wasm = await createWasmBackend({ threads: 1 });
const whole = await corpus(cpu);

function damaged(file: Whole, family: string, random: Random): Whole {
  if (family === 'onnx') return { ...file, bytes: mutateOnnx(file.bytes, random) };
  if (family === 'picture') return { ...file, bytes: mutateBytes(file.bytes, random) };
  if (family !== 'tfjs') return { ...file, bytes: mutateSafetensors(file.bytes, random) };
  if (random.uniform() < 0.15) return { ...file, weights: mutateBytes(file.weights!, random) };
  // Constants are shapes, axes and paddings as well as weights.
  const weights = file.weights!.slice();
  const numbers = new Int32Array(weights.buffer);
  if (random.uniform() < 0.4) {
    const at = numbers.findIndex((v, i) => Math.abs(v) < 4096 && random.uniform() < 0.3 && i >= 0);
    if (at >= 0) numbers[at] = pick(random, [0, -1, -2, 1, 100, 2 ** 20, 2 ** 28, 2 ** 31 - 1, -(2 ** 31)]);
    return { ...file, weights };
  }
  return {
    ...file,
    bytes: new TextEncoder().encode(mutateJson(new TextDecoder().decode(file.bytes), random)),
  };
}

for (let seed = first; seed < first + count; seed++) {
  const random = new Random(seed, 'fuzz');
  const family = FAMILIES[seed % FAMILIES.length]!;
  if (only && family !== only) continue;
  const file = damaged(pick(random, whole[family]), family, random);
  const backend = random.uniform() < 0.5 ? wasm : cpu;
  const byCommand = random.uniform() < 0.3;
  say({ seed, family, name: file.name, backend: backend.name, byCommand });
  setDefaultBackend(backend);
  const before = process.cpuUsage();
  let result = 'ran';
  let problem: string | undefined;
  try {
    await readAndRun(family, file, backend, byCommand);
  } catch (error) {
    result = 'refused';
    const isOwn = error instanceof GraftError && error.message !== '' && !error.message.includes('\n');
    if (!isOwn) problem = error instanceof Error ? (error.stack ?? error.message) : String(error);
    else if (process.env['FUZZ_SAY']) say({ seed, message: error.message });
  }
  const { user, system } = process.cpuUsage(before);
  const ms = (user + system) / 1000;
  say({
    seed,
    result,
    ms: Math.round(ms),
    maxRss: process.resourceUsage().maxRSS,
    ...(problem !== undefined && { problem }),
  });
}
process.exit(0);
