import type { Dirent } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { extname, join, sep } from 'node:path';
import { DatasetError } from '../errors.ts';
import { EXTENSIONS } from '../format.ts';
import { byCodeUnit } from '../split.ts';
import { fileProblem } from './decode.ts';

/** What lies in a folder, by name, sorted. */
export interface Listing {
  readonly folders: string[];
  readonly pictures: string[];
  /** Files that are no pictures by their ending. */
  readonly others: string[];
  /** Pictures whose own name, or whose folder's, begins with a dot. */
  readonly hidden: string[];
}

/** What systems leave behind in folders; nobody put it there. */
const LEFTOVERS: ReadonlySet<string> = new Set([
  '__macosx', // macOS, in zip files
  '@eadir', // Synology's thumbnails
  'thumbs.db',
  'ehthumbs.db',
  'desktop.ini',
  'icon\r',
  '$recycle.bin',
  'system volume information',
  'lost+found',
]);

const isPicture = (name: string): boolean => EXTENSIONS.includes(extname(name).toLowerCase());

/** Pictures that begin with a dot. macOS's `._name` holds what its file system knows of `name`, and is none. */
async function hiddenPictures(path: string, entry: Dirent): Promise<string[]> {
  if (entry.isDirectory()) {
    const inside = await readdir(join(path, entry.name)).catch((): string[] => []);
    return inside
      .filter((name) => !name.startsWith('._') && isPicture(name))
      .map((name) => `${entry.name}/${name}`);
  }
  return !entry.name.startsWith('._') && isPicture(entry.name) ? [entry.name] : [];
}

/**
 * Lists a folder; links are followed, what begins with a dot and what systems leave behind is left out.
 * @throws DatasetError if it is no folder or cannot be read
 */
export async function list(path: string): Promise<Listing> {
  let entries: Dirent[];
  try {
    entries = await readdir(path, { withFileTypes: true });
  } catch (error) {
    const isFile = (error as NodeJS.ErrnoException).code === 'ENOTDIR';
    const problem = isFile
      ? 'is a file, not a folder; name the folder that holds one folder for each class'
      : fileProblem(error);
    throw new DatasetError(`${path}: ${problem}`, { cause: error });
  }
  const found: Listing = { folders: [], pictures: [], others: [], hidden: [] };
  for (const entry of entries) {
    const { name } = entry;
    if (LEFTOVERS.has(name.toLowerCase())) continue;
    if (name.startsWith('.')) {
      for (const name of await hiddenPictures(path, entry)) found.hidden.push(name);
      continue;
    }
    let kind: Pick<Dirent, 'isDirectory' | 'isFile'> = entry;
    // A link that leads nowhere is kept by its ending, so that opening it says what is wrong.
    if (entry.isSymbolicLink()) kind = await stat(join(path, name)).catch(() => linkToNothing);
    if (kind.isDirectory()) found.folders.push(name);
    else if (kind.isFile() && isPicture(name)) found.pictures.push(name);
    else found.others.push(name);
  }
  for (const names of [found.folders, found.pictures, found.others, found.hidden]) names.sort(byCodeUnit);
  return found;
}

const linkToNothing = { isDirectory: () => false, isFile: () => true };

/** All that lies below a folder. Names are paths from it, with `/`. */
export interface Tree extends Listing {
  /** Folders that were not entered: a link leads there a second time, or round in a circle. */
  readonly again: string[];
}

/** Lists a folder and all folders in it, each once, wherever links lead. */
export async function walk(root: string): Promise<Tree> {
  const tree: Tree = { folders: [], pictures: [], others: [], hidden: [], again: [] };
  const top = await realpath(root).catch(() => root);
  const seen = new Set([top]);
  const enter = async (path: string, prefix: string): Promise<void> => {
    const listing = await list(path);
    for (const kind of ['pictures', 'others', 'hidden', 'folders'] as const)
      for (const name of listing[kind]) tree[kind].push(prefix + name);
    for (const folder of listing.folders) {
      const inside = join(path, folder);
      const real = await realpath(inside).catch(() => inside);
      // What lies above holds this very folder, and the other classes.
      if (seen.has(real) || isAbove(real, top)) tree.again.push(`${prefix}${folder}`);
      else {
        seen.add(real);
        await enter(inside, `${prefix}${folder}/`);
      }
    }
  };
  await enter(root, '');
  return tree;
}

/** Whether one real path is a folder in which the other lies. */
export function isAbove(path: string, other: string): boolean {
  return other.startsWith(path.endsWith(sep) ? path : path + sep);
}
