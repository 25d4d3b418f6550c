import { join } from 'node:path';
import { DatasetError } from '../errors.ts';
import { list, type Listing } from './listing.ts';

export type Part = 'train' | 'validation' | 'test';

/** What folders of the parts are called, alone or as a word of a name such as `test_set`: as Hugging Face's `datasets` has it. */
const PARTS: ReadonlyMap<string, Part> = new Map([
  ['train', 'train'],
  ['training', 'train'],
  ['val', 'validation'],
  ['valid', 'validation'],
  ['validation', 'validation'],
  ['dev', 'validation'],
  ['test', 'test'],
  ['testing', 'test'],
  ['eval', 'test'],
  ['evaluation', 'test'],
]);

const isExact = (folder: string): boolean => PARTS.has(folder.toLowerCase());

/** Which part a folder's name stands for. */
export function partOf(folder: string): Part | undefined {
  const words = folder.toLowerCase().split(/[-_. ]|\d+/);
  const found = new Set(words.map((word) => PARTS.get(word)).filter((part) => part !== undefined));
  return found.size === 1 ? [...found][0] : undefined;
}

/** `'a', 'b' and 2 more` */
export function quoted(names: readonly string[], limit = 4): string {
  const rest = names.length > limit ? [`${names.length - limit} more`] : [];
  const all = [...names.slice(0, limit).map((name) => `'${name}'`), ...rest];
  return all.length > 1 ? `${all.slice(0, -1).join(', ')} and ${all.at(-1)}` : (all[0] ?? '');
}

/** A folder with class folders in it, or with the folders of the parts. */
export interface Root {
  readonly path: string;
  /** Path from the folder that was given, with `/` at its end; empty for that folder itself. */
  readonly prefix: string;
  readonly listing: Listing;
  /** The folder of each part that has one. */
  readonly parts: ReadonlyMap<Part, string>;
  /** Files beside the folders that lead here, by their path from the folder that was given. */
  readonly above: Pick<Listing, 'others' | 'hidden'>;
}

const NO_PARTS: ReadonlyMap<Part, string> = new Map();
/** More folders in folders than any archive has. */
const MAX_DEPTH = 8;

/**
 * Goes down through folders that hold nothing but one other folder, as unpacked archives have them.
 * @param wantParts whether folders called train, validation and test may be parts
 * @param classes names that are classes, and nothing else
 */
export async function findRoot(
  path: string,
  wantParts: boolean,
  classes: readonly string[] = [],
): Promise<Root> {
  const known = new Set(classes.map((name) => name.normalize('NFC')));
  const above = { others: [] as string[], hidden: [] as string[] };
  let root: Root = { path, prefix: '', listing: await list(path), parts: NO_PARTS, above };
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const { listing, prefix } = root;
    const parts = wantParts ? await findParts(root.path, listing, known) : NO_PARTS;
    if (parts.size > 0) return { ...root, parts };
    const [only, ...more] = listing.folders;
    if (only === undefined || more.length > 0 || listing.pictures.length > 0) break;
    if (known.has(only.normalize('NFC'))) break;
    const inside = join(root.path, only);
    const next = await list(inside);
    if (next.folders.length === 0 || next.pictures.length > 0) break; // a class
    for (const kind of ['others', 'hidden'] as const)
      for (const name of listing[kind]) above[kind].push(prefix + name);
    root = { path: inside, prefix: `${prefix}${only}/`, listing: next, parts: NO_PARTS, above };
  }
  return root;
}

/** The folders called train, validation, test, if they hold class folders rather than being classes. */
async function findParts(
  path: string,
  { folders }: Listing,
  known: ReadonlySet<string>,
): Promise<ReadonlyMap<Part, string>> {
  if (folders.some((folder) => known.has(folder.normalize('NFC')))) return NO_PARTS;
  const inside = new Map<string, Listing>();
  for (const folder of folders) {
    const within = join(path, folder);
    inside.set(folder, partOf(folder) ? (await findRoot(within, false)).listing : await list(within));
  }
  const at = (folder: string): Listing => inside.get(folder)!;
  const parts = new Map<Part, string>();
  for (const part of ['train', 'validation', 'test'] as const) {
    const named = folders.filter((folder) => partOf(folder) === part && at(folder).folders.length > 0);
    const exact = named.filter(isExact);
    if (exact.length > 1) {
      throw new DatasetError(
        `${path}: ${quoted(exact)} both stand for ${part}; keep one of them, or give one as the folder`,
      );
    }
    const chosen = exact.length === 1 ? exact : named;
    if (chosen.length === 1) parts.set(part, chosen[0]!);
  }
  const train = parts.get('train');
  const own = [...parts.values()];
  const others = folders.filter((folder) => !own.includes(folder));
  const alike = own.some((a) => own.some((b) => a !== b && shareNames(at(a), at(b))));
  if (train === undefined) {
    // Two of them with the same folders inside are parts, without the one that matters.
    if (!alike || others.length > 0) return NO_PARTS;
    throw new DatasetError(
      `${path}: has the folders ${quoted(own)} but no 'train'; add it, or give one of them as the folder`,
    );
  }
  if (parts.size > 1) return alike || own.every(isExact) ? parts : NO_PARTS;
  if (!isExact(train)) return NO_PARTS;
  const classes = others.filter((folder) => partOf(folder) === undefined && at(folder).pictures.length > 0);
  if (classes.length === 0) return parts;
  // Alone beside folders of pictures, it is a class if it has pictures, too.
  if (at(train).pictures.length > 0) return NO_PARTS;
  throw new DatasetError(
    `${path}: is '${train}' a class beside ${quoted(classes)}, or does it hold the classes ${quoted(at(train).folders)}? ` +
      `Give ${join(path, train)} as the folder, or put the pictures of '${train}' straight into it`,
  );
}

const shareNames = (a: Listing, b: Listing): boolean => a.folders.some((name) => b.folders.includes(name));
