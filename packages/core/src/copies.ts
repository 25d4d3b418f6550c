import { StateError } from './errors.ts';

/**
 * Two copies of this package in one program (an older one below some dependency's node_modules, say) would mix in
 * silence: `instanceof` says no, default backends are two, and tensors are counted twice. So each copy writes itself down
 * where the others find it, says so when it is the second, and refuses what another one has made.
 */

/** As in package.json; a test holds the two together. */
export const version = '0.1.0';

/** One copy of @graftjs/core, as all versions of it know each other. */
interface Copy {
  readonly version: string;
  /** The package's folder or address; empty where a bundler hid it. */
  readonly place: string;
}

/** Under this name: on `globalThis` the copies that are loaded, on what a copy makes that copy. */
const MARK = Symbol.for('@graftjs/core');

/** `file:///x/node_modules/@graftjs/core/dist/tensor.js?v=1` → `/x/node_modules/@graftjs/core`. */
function placeOf(url = ''): string {
  const folder = url.replace(/[?#].*$/, '').replace(/\/(?:src|dist)\/[^/]*$/, '');
  return folder.startsWith('file://') ? decodeURIComponent(folder.slice('file://'.length)) : folder;
}

const self: Copy = { version, place: placeOf((import.meta as { readonly url?: string }).url) };
const shared = globalThis as { [MARK]?: Copy[]; readonly console?: { warn(text: string): void } };
const copies: Copy[] = (shared[MARK] ??= []);
const ADVICE =
  "let all packages take the same one: 'npm dedupe', after 'npm ls @graftjs/core' has shown who asks for which version";

/** One sentence on the copies that are loaded, and what to do; null where there is one. */
export function twoCopies(): string | null {
  const [first, ...others] = new Set(copies.map((c) => `${c.version} (${c.place || 'in a bundle'})`));
  if (copies.length === 1) return null;
  if (!others.length)
    return `@graftjs/core ${first!} is loaded twice: import it under one address, or bundle it once`;
  const count = others.length === 1 ? 'two' : String(others.length + 1);
  return `${count} copies of @graftjs/core are loaded, ${[first!, ...others].join(' and ')}; ${ADVICE}`;
}

// The same files under another address (a query, a test that loads them anew) are no second copy to warn of.
const known = copies.some((c) => c.version === version && c.place === self.place);
copies.push(self);
if (copies.length > 1 && !known) shared.console?.warn(`Graft: ${twoCopies()}`);

/** Marks what this copy makes. */
export function mark(prototype: object): void {
  Object.defineProperty(prototype, MARK, { value: self });
}

/** @throws StateError if `value` is a tensor, module or parameter that another copy of this package has made. */
export function refuseForeign(value: unknown): void {
  if (typeof value !== 'object' || value === null || !(MARK in value) || value[MARK] === self) return;
  throw new StateError(`this was made by another copy of @graftjs/core: ${twoCopies()!}`);
}
