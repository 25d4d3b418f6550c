/** So many results are kept: enough for all the runs of one case. */
const LIMIT = 32;

/** Remembers what a function of shapes and attributes gave last: the same case is evaluated many times over. */
export function memo<A extends readonly unknown[], R>(fn: (...args: A) => R): (...args: A) => R {
  const known = new Map<string, R>();
  return (...args) => {
    const key = JSON.stringify(args);
    let result = known.get(key);
    if (result === undefined) {
      result = fn(...args);
      known.set(key, result);
      if (known.size > LIMIT) known.delete(known.keys().next().value!);
    }
    return result;
  };
}
