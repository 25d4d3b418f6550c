/**
 * Seconds of processor time that `fn` takes: the fastest of several runs, after warm-ups that give V8 time to
 * optimize. Not time on the wall, so that other work on the machine disturbs little; there is one thread only.
 */
export function seconds(fn: () => void, budget = 0.4): number {
  const clock = (): number => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  };
  let best = Infinity;
  for (let i = 0, start = clock(); i < 3 || clock() - start < budget; i++) {
    // Short work is repeated: the clock has steps.
    let times = 0;
    const before = clock();
    do {
      fn();
      times++;
    } while (clock() - before < 0.01);
    best = Math.min(best, (clock() - before) / times);
  }
  return best;
}

export function random(size: number): Float32Array {
  let state = 1;
  return Float32Array.from({ length: size }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}
