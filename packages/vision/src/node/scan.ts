import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { DatasetError } from '../errors.ts';
import { byCodeUnit } from '../split.ts';
import { fileProblem } from './decode.ts';
import { EXTENSIONS, FORMAT_LIST } from '../format.ts';

export type Part = 'train' | 'validation' | 'test';

/** A picture that was found, not yet opened. */
export interface FoundFile {
  readonly path: string;
  /** Path from the data set's folder, with `/` on every platform: its name in messages, sorting and splitting. */
  readonly name: string;
  /** Index into `classes`. */
  readonly label: number;
  readonly part: Part;
}

export interface Scan {
  readonly classes: string[];
  /** Sorted by name. */
  readonly files: FoundFile[];
  /** Which parts have folders of their own; empty where the classes lie in the root. */
  readonly parts: readonly Part[];
  /** Files passed over as no pictures, by their ending; hidden files and folders are not counted. */
  readonly ignored: number;
}

const PARTS: Readonly<Record<string, Part>> = {
  train: 'train',
  training: 'train',
  val: 'validation',
  valid: 'validation',
  validation: 'validation',
  test: 'test',
  testing: 'test',
};

interface Listing {
  readonly folders: string[];
  readonly pictures: string[];
  readonly others: string[];
}

/** What lies in a folder, by name; links are followed, hidden entries (and what macOS adds to zip files) left out. */
async function list(path: string): Promise<Listing> {
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
  const found: Listing = { folders: [], pictures: [], others: [] };
  for (const entry of entries) {
    if (entry.name.startsWith('.') || entry.name === '__MACOSX') continue;
    let kind: Pick<Dirent, 'isDirectory' | 'isFile'> = entry;
    // A link that leads nowhere is kept by its ending, so that opening it says what is wrong.
    if (entry.isSymbolicLink()) kind = await stat(join(path, entry.name)).catch(() => linkToNothing);
    if (kind.isDirectory()) found.folders.push(entry.name);
    else if (kind.isFile() && EXTENSIONS.includes(extname(entry.name).toLowerCase()))
      found.pictures.push(entry.name);
    else found.others.push(entry.name);
  }
  for (const names of [found.folders, found.pictures, found.others]) names.sort(byCodeUnit);
  return found;
}

const linkToNothing = { isDirectory: () => false, isFile: () => true };

/** `3 pictures`, `1 picture` */
export function count(n: number, thing: string, plural: string = `${thing}s`): string {
  return `${n} ${n === 1 ? thing : plural}`;
}

/** `a, b, c`; of long lists the first twelve, and how many more there are. */
export function listed(names: readonly string[]): string {
  const shown = names.slice(0, 12).join(', ');
  return names.length > 12 ? `${shown} and ${names.length - 12} more` : shown;
}

const LAYOUT = "make one folder for each class, such as 'cats' and 'dogs', with the pictures in them";

/** The class folders of `path`. */
async function classFolders(path: string): Promise<{ classes: Map<string, Listing>; ignored: number }> {
  const top = await list(path);
  if (top.folders.length === 0) {
    const pictures = top.pictures.length;
    throw new DatasetError(
      pictures > 0
        ? `${path}: has ${count(pictures, 'picture')} but no class folders; ${LAYOUT}`
        : `${path}: is empty${top.others.length > 0 ? ` but for ${count(top.others.length, 'other file')}` : ''}; ${LAYOUT}`,
    );
  }
  const classes = new Map<string, Listing>();
  let ignored = top.others.length + top.pictures.length;
  for (const folder of top.folders) {
    const listing = await list(join(path, folder));
    classes.set(folder, listing);
    ignored += listing.others.length;
  }
  return { classes, ignored };
}

/** Whether the folders are called train, validation, test, with class folders inside, rather than being classes. */
async function partFolders(path: string): Promise<Map<Part, string> | undefined> {
  const { folders } = await list(path);
  const parts = new Map<Part, string>();
  for (const folder of folders) {
    const part = PARTS[folder.toLowerCase()];
    if (!part) return undefined;
    if (parts.has(part)) {
      throw new DatasetError(
        `${path}: '${parts.get(part)}' and '${folder}' both stand for ${part}; keep one of them`,
      );
    }
    parts.set(part, folder);
  }
  const train = parts.get('train');
  if (train === undefined) return undefined;
  return (await list(join(path, train))).folders.length > 0 ? parts : undefined;
}

/**
 * Finds the pictures of `path/class/*` or `path/{train,validation,test}/class/*`. Opens no file. Classes are the folders of
 * the training part, sorted by code unit.
 * @throws DatasetError if there is no such folder, it cannot be read, it has fewer than two classes, a class has no
 *   picture, or another part has a class that training has not
 */
export async function scanFolder(path: string, minClasses = 2): Promise<Scan> {
  const parts = await partFolders(path);
  const roots: [Part, string, string][] = parts
    ? [...parts].map(([part, folder]) => [part, join(path, folder), `${folder}/`])
    : [['train', path, '']];
  roots.sort(([a], [b]) => (a === 'train' ? -1 : b === 'train' ? 1 : byCodeUnit(a, b)));
  let classes: string[] = [];
  const files: FoundFile[] = [];
  let ignored = 0;
  for (const [part, root, prefix] of roots) {
    const found = await classFolders(root);
    ignored += found.ignored;
    const names = [...found.classes.keys()].sort(byCodeUnit);
    if (part === 'train') {
      classes = names;
      checkClasses(root, found.classes, minClasses);
    }
    for (const [name, listing] of found.classes) {
      const label = classes.indexOf(name);
      if (label < 0) {
        throw new DatasetError(
          `${root}: has a class '${name}' that training has not (${listed(classes)}); rename or remove it`,
        );
      }
      for (const file of listing.pictures) {
        files.push({ path: join(root, name, file), name: `${prefix}${name}/${file}`, label, part });
      }
    }
  }
  files.sort((a, b) => byCodeUnit(a.name, b.name));
  return { classes, files, parts: parts ? [...parts.keys()] : [], ignored };
}

function checkClasses(root: string, classes: ReadonlyMap<string, Listing>, minClasses: number): void {
  if (classes.size < minClasses) {
    throw new DatasetError(
      `${root}: has only one class, '${[...classes.keys()][0]}'; add a folder with pictures of something else`,
    );
  }
  for (const [name, { pictures, folders, others }] of classes) {
    if (pictures.length > 0) continue;
    const inside =
      folders.length > 0 ? ` (it holds ${count(folders.length, 'folder')}; move the pictures up)` : '';
    const files = others.length > 0 ? ` (${count(others.length, 'other file')})` : '';
    throw new DatasetError(
      `${join(root, name)}: this class has no picture${inside || files}; add ${FORMAT_LIST} files or remove the folder`,
    );
  }
}
