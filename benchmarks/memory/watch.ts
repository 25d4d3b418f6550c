import { handWritten, predictOnce, sixLayers } from '@graftjs/conformance/loops';
import { memory, setDefaultBackend, type Backend } from '@graftjs/core';

/** How long the loops are. */
export interface Rounds {
  readonly predictions: number;
  readonly steps: number;
}

/** Runs the loops on a backend and frees it; a line about each. `rss` gives the process's resident bytes, where that is known. */
export async function watchLoops(
  backend: Backend,
  { predictions, steps }: Rounds,
  rss?: () => number,
): Promise<string[]> {
  setDefaultBackend(backend);
  const model = sixLayers(backend).eval();
  const first = await watch('predictions', backend, predictions, () => predictOnce(model, backend), rss);
  model.train();
  const second = await watch('steps', backend, steps, handWritten(model, backend), rss);
  await backend.dispose();
  return [first, second];
}

async function watch(
  what: string,
  backend: Backend,
  rounds: number,
  round: () => Promise<void>,
  rss?: () => number,
): Promise<string> {
  const show = ({ tensors, bytes }: { tensors: number; bytes: number }): string =>
    `${tensors} tensors ${(bytes / 1e6).toFixed(1)} MB${rss ? `, rss ${(rss() / 1e6).toFixed(0)} MB` : ''}`;
  const most = { tensors: 0, bytes: 0 };
  const seen: string[] = [];
  for (let i = 0; i < rounds; i++) {
    await round();
    const now = memory(backend);
    most.tensors = Math.max(most.tensors, now.tensors);
    most.bytes = Math.max(most.bytes, now.bytes);
    // Not at the very start: engines and sessions warm up.
    if ([Math.floor(rounds / 10), Math.floor(rounds / 2), rounds - 1].includes(i)) seen.push(show(now));
  }
  return `${backend.name}, ${rounds} ${what}: ${seen.join(' → ')}; most ${most.tensors} tensors ${(most.bytes / 1e6).toFixed(1)} MB`;
}
