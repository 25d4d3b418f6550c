/**
 * Steps op by op and compiled, on one thread, in processor time and in turns; what recording the step takes; and the memory
 * that the backend has asked for. From this folder's parent:
 * node --conditions=@graftjs/source --import tsx ops/compiled.ts [wasm|cpu] [part of a name] [rounds]
 */
import { createCpuBackend } from '@graftjs/backend-cpu';
import { createWasmBackend } from '@graftjs/backend-wasm';
import type { Backend } from '@graftjs/core';
import { interleave, median } from './measure.ts';
import { graftStep, steps, type StepName } from './steps.ts';

const [kind = 'wasm', filter = '', rounds = '9'] = process.argv.slice(2);
const backendOf = async (): Promise<Backend> =>
  kind === 'cpu' ? createCpuBackend() : createWasmBackend({ threads: 1 });

function processorTime(run: () => unknown): number {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

console.log('step, ms: op by op, compiled, ratio (quartiles); first call of each; MiB of each');
for (const name of Object.keys(steps) as StepName[]) {
  if (!name.includes(filter)) continue;
  const backends = await Promise.all([backendOf(), backendOf()]);
  const tasks = await Promise.all(
    backends.map((backend, i) => graftStep(name, 'channels-first', backend, i === 1)),
  );
  if (tasks.every((task) => task !== null)) {
    const first = tasks.map((task) => processorTime(() => task.run()));
    const times = await interleave(tasks, { repeat: Number(rounds), clock: 'cpu', warm: 300 });
    const [eager, compiled] = times.map(median) as [number, number];
    const ratios = times[1]!.map((ms, i) => ms / times[0]![i]!).sort((a, b) => a - b);
    const quartile = (q: number): string => ratios[Math.floor(q * (ratios.length - 1))]!.toFixed(3);
    const memory = backends.map(({ memory }) => {
      const { inUse = 0, pooled = 0 } = memory?.() ?? {};
      return Math.round((inUse + pooled) / 2 ** 20);
    });
    console.log(
      `${name.padEnd(24)}${eager.toFixed(2)}, ${compiled.toFixed(2)}, ${median(ratios).toFixed(3)} (${quartile(0.25)} to ${quartile(0.75)}); ` +
        `${first.map((ms) => ms.toFixed(0)).join(', ')}; ${memory.join(', ')}`,
    );
    for (const task of tasks) await task.dispose?.();
  }
  for (const backend of backends) await backend.dispose();
}
