import { NameError } from './errors.ts';

/** The same error, of the same class, with words before its message, in the stack that Node prints too. */
export function prefixMessage<E extends Error>(error: E, prefix: string): E {
  return withMessage(error, `${prefix}: ${error.message}`);
}

/** The same error with another message. One that cannot be changed stays as it is. */
export function withMessage<E extends Error>(error: E, message: string): E {
  const { stack, message: before } = error;
  const put = (key: 'message' | 'stack', value: string): boolean =>
    Reflect.defineProperty(error, key, { value, writable: true, configurable: true, enumerable: false });
  const start = before && stack ? stack.indexOf(before) : -1;
  if (put('message', message) && start >= 0)
    put('stack', stack!.slice(0, start) + message + stack!.slice(start + before.length));
  return error;
}

/** Edit distance (Levenshtein), for suggestions. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length]!;
}

/** Names by how far they are from `wanted`, the nearest first: 0 is the same word, 1 has no letter in its place. */
function ranked(wanted: string, names: Iterable<string>): { name: string; far: number }[] {
  const w = wanted.toLowerCase();
  const scored = [...new Set(names)].map((name) => {
    const n = name.toLowerCase();
    const contained = n.includes(w) || w.includes(n);
    return { name, far: distance(w, n) / Math.max(w.length, n.length, 1) - (contained ? 0.5 : 0) };
  });
  return scored.sort((a, b) => a.far - b.far);
}

/** The `limit` names most like `wanted`; a name that contains it, or is contained, counts as near. */
export function nearest(wanted: string, names: Iterable<string>, limit = 3): string[] {
  return ranked(wanted, names)
    .slice(0, limit)
    .map((s) => s.name);
}

/**
 * The name that was probably meant: the nearest, if no more than three in five of its letters differ. For "did you mean …?",
 * where a word that is far off misleads.
 * @example
 * suggestion('tarin', ['train', 'predict']); // → 'train'
 * suggestion('cat', ['train', 'predict']); // → undefined
 */
export function suggestion(wanted: string, names: Iterable<string>): string | undefined {
  const first = ranked(wanted, names)[0];
  return first && first.far <= 0.6 ? first.name : undefined;
}

/** A `NameError` of the form: unknown layer 'x'; the nearest are 'y', 'z'. */
export function unknownName(kind: string, wanted: string, names: Iterable<string>): NameError {
  const near = nearest(wanted, names).map((n) => `'${n}'`);
  return new NameError(
    `unknown ${kind} '${wanted}'${near.length ? `; the nearest are ${near.join(', ')}` : ''}`,
  );
}
