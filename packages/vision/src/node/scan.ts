import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { DatasetError } from '../errors.ts';
import { FORMAT_LIST } from '../format.ts';
import { byCodeUnit } from '../split.ts';
import { findRoot, partOf, quoted, type Part, type Root } from './layout.ts';
import { isAbove, walk, type Listing, type Tree } from './listing.ts';
import { count, passedOver, whyNoPicture, type Remark } from './remarks.ts';

/** A picture that was found, not yet opened. */
export interface FoundFile {
  readonly path: string;
  /**
   * Path from the data set's folder, with `/` and composed letters (Unicode's NFC) on every platform: its name in
   * messages, sorting and splitting.
   */
  readonly name: string;
  /** Index into `classes`. */
  readonly label: number;
  readonly part: Part;
}

export interface Scan {
  /** Names of the class folders in Unicode's NFC: 'é' is one letter, however a file system writes it. */
  readonly classes: string[];
  /** Sorted by name. */
  readonly files: FoundFile[];
  /** The folder of each part that has one; empty where the classes lie in the root. */
  readonly parts: ReadonlyMap<Part, string>;
  /** How the folder was understood, and what was passed over. */
  readonly remarks: readonly Remark[];
}

/** `a, b, c`; of long lists the first twelve, and how many more there are. */
export function listed(names: readonly string[]): string {
  const shown = names.slice(0, 12).join(', ');
  return names.length > 12 ? `${shown} and ${names.length - 12} more` : shown;
}

const LAYOUT = "make one folder for each class, such as 'cats' and 'dogs', with the pictures in them";

/** The pictures of a class: of one folder, or of more whose names differ in Unicode's form only. */
interface ClassFolder {
  readonly folder: string;
  readonly tree: Tree;
}

/**
 * Finds the pictures of `path/class/**` or `path/{train,validation,test}/class/**`, also where these lie in a single folder
 * inside `path`. Opens no file. Classes are the folders of the training part, sorted by code unit.
 * @param known names that are classes, whatever else a folder of that name could be
 * @throws DatasetError if there is no such folder, it cannot be read, it has fewer than two classes, a class has no
 *   picture, or another part has a class that training has not
 */
export async function scanFolder(path: string, minClasses = 2, known: readonly string[] = []): Promise<Scan> {
  const root = await findRoot(path, true, known);
  return new Scanner(root, minClasses).scan();
}

class Scanner {
  readonly #root: Root;
  readonly #minClasses: number;
  #classes: string[] = [];
  readonly #files: FoundFile[] = [];
  readonly #names = new Set<string>();
  readonly #remarks: Remark[] = [];
  /** By their path from the folder that was given. */
  readonly #beside: string[] = [];
  readonly #others: string[] = [];
  readonly #hidden: string[] = [];
  readonly #again: string[] = [];

  constructor(root: Root, minClasses: number) {
    this.#root = root;
    this.#minClasses = minClasses;
  }

  async scan(): Promise<Scan> {
    const { path, prefix, parts, listing, above } = this.#root;
    for (const name of above.others) this.#others.push(name);
    for (const name of above.hidden) this.#hidden.push(name);
    if (prefix !== '')
      this.#remark(`one folder down, in '${prefix.slice(0, -1)}', are the classes: they are read there`);
    if (parts.size === 0) await this.#part('train', path, prefix, listing);
    else {
      this.#passOver(listing, prefix);
      for (const folder of listing.folders) await this.#folderBeside(folder);
      for (const part of ['train', 'test', 'validation'] as const) {
        const folder = parts.get(part);
        if (folder === undefined) continue;
        const inside = await findRoot(join(path, folder), false);
        const at = `${prefix}${folder}/`;
        for (const kind of ['others', 'hidden'] as const) this.#passOver({ [kind]: inside.above[kind] }, at);
        await this.#part(part, inside.path, at + inside.prefix, inside.listing);
      }
    }
    this.#files.sort((a, b) => byCodeUnit(a.name, b.name));
    this.#tellRest();
    return { classes: this.#classes, files: this.#files, parts, remarks: this.#remarks };
  }

  #remark(text: string, files: readonly string[] = [], kind: Remark['kind'] = 'layout'): void {
    this.#remarks.push({ kind, text, files });
  }

  #passOver({ pictures = [], others = [], hidden = [] }: Partial<Listing>, prefix: string): void {
    for (const name of pictures) this.#beside.push(prefix + name);
    for (const name of others) this.#others.push(prefix + name);
    for (const name of hidden) this.#hidden.push(prefix + name);
  }

  /** A folder beside those of the parts is named, unless it is one of them. */
  async #folderBeside(folder: string): Promise<void> {
    const { path, prefix, parts } = this.#root;
    if ([...parts.values()].includes(folder)) return;
    const part = partOf(folder);
    const known = part && parts.get(part);
    const why =
      part === undefined
        ? 'its name stands for none of train, val and test'
        : known === undefined
          ? 'it has no class folders'
          : `the ${part} pictures are those of '${known}'`;
    const { pictures } = await walk(join(path, folder));
    this.#remark(
      `the folder '${folder}', with ${count(pictures.length, 'picture')}, is passed over: ${why}`,
      [`${prefix}${folder}/`],
    );
  }

  async #part(part: Part, path: string, prefix: string, listing: Listing): Promise<void> {
    const classes = await this.#classFolders(path, prefix, listing);
    if (part === 'train') {
      checkClasses(path, classes, listing, this.#minClasses);
      this.#classes = [...classes.keys()].sort(byCodeUnit);
    }
    this.#passOver(listing, prefix);
    const found = new Set<number>();
    for (const [name, folders] of classes) {
      if (folders.length > 1) {
        this.#remark(
          `'${name}' is the name of ${folders.length} folders, its accents written in different ways: they are one class`,
        );
      }
      for (const { folder, tree } of folders) {
        const at = `${prefix}${folder}/`;
        this.#passOver({ others: tree.others, hidden: tree.hidden }, at);
        for (const inner of tree.again) this.#again.push(at + inner);
        if (tree.pictures.length === 0) continue;
        const label = this.#classes.indexOf(name);
        if (label < 0) {
          throw new DatasetError(
            `${path}: has a class '${name}' that training has not (${listed(this.#classes)}); rename or remove it`,
          );
        }
        found.add(label);
        this.#take(part, path, prefix, label, folder, tree.pictures);
      }
    }
    const missing = this.#classes.filter((_, label) => !found.has(label));
    if (missing.length > 0) this.#remark(`${prefix.slice(0, -1)} has no picture of ${quoted(missing)}`);
  }

  /** By their names in NFC. */
  async #classFolders(path: string, prefix: string, listing: Listing): Promise<Map<string, ClassFolder[]>> {
    const classes = new Map<string, ClassFolder[]>();
    const top = await realpath(path).catch(() => path);
    for (const folder of listing.folders) {
      const inside = join(path, folder);
      const real = await realpath(inside).catch(() => inside);
      if (real === top || isAbove(real, top)) {
        this.#again.push(prefix + folder);
        continue;
      }
      const name = folder.normalize('NFC');
      const found = { folder, tree: await walk(inside) };
      // First the folder of that very name: its files keep their names, should both have one of the same.
      const same = classes.get(name) ?? [];
      classes.set(name, folder === name ? [found, ...same] : [...same, found]);
    }
    return classes;
  }

  #take(
    part: Part,
    path: string,
    prefix: string,
    label: number,
    folder: string,
    pictures: readonly string[],
  ): void {
    const inner: string[] = [];
    for (const picture of pictures) {
      const raw = `${prefix}${folder}/${picture}`;
      const composed = raw.normalize('NFC');
      const name = this.#names.has(composed) ? raw : composed;
      this.#names.add(name);
      this.#files.push({ path: join(path, folder, picture), name, label, part });
      if (picture.includes('/')) inner.push(name);
    }
    if (inner.length === 0) return;
    const of = `${inner.length} of ${count(pictures.length, 'picture')}`;
    this.#remark(`${of} in '${prefix}${folder}' lie in folders inside it: they belong to the class`, inner);
  }

  #tellRest(): void {
    const beside = this.#beside.length;
    if (beside > 0) {
      this.#remark(
        `${count(beside, 'picture')} beside the class folders, of no class: move ${beside === 1 ? 'it' : 'each'} into the folder of its class`,
        this.#beside,
        'passed-over',
      );
    }
    if (this.#again.length > 0) {
      this.#remark(
        `${count(this.#again.length, 'link')} not followed, back to a folder that is read already`,
        this.#again,
        'passed-over',
      );
    }
    if (this.#hidden.length > 0) {
      this.#remark(
        `${count(this.#hidden.length, 'hidden picture')} passed over: a name, or that of the folder, begins with a dot`,
        this.#hidden,
        'passed-over',
      );
    }
    this.#remarks.push(...passedOver(this.#others, this.#files.length + beside + this.#others.length));
  }
}

function checkClasses(
  root: string,
  classes: ReadonlyMap<string, readonly ClassFolder[]>,
  beside: Listing,
  minClasses: number,
): void {
  const [first] = classes;
  if (first === undefined) {
    const pictures = beside.pictures.length;
    const others = beside.others.length;
    throw new DatasetError(
      pictures > 0
        ? `${root}: has ${count(pictures, 'picture')} but no class folders; ${LAYOUT}`
        : `${root}: is empty${others > 0 ? ` but for ${count(others, 'other file')}` : ''}; ${LAYOUT}`,
    );
  }
  if (classes.size < minClasses) {
    const [name, folders] = first;
    const inner = folders[0]!.tree.folders.filter((folder) => !folder.includes('/'));
    const deeper =
      inner.length > 1
        ? `, or if ${quoted(inner)} are the classes, give ${join(root, folders[0]!.folder)}`
        : '';
    throw new DatasetError(
      `${root}: has only one class, '${name}'; add a folder with pictures of something else${deeper}`,
    );
  }
  for (const [name, folders] of classes) {
    if (folders.some(({ tree }) => tree.pictures.length > 0)) continue;
    const others = whyNoPicture(folders.flatMap(({ tree }) => tree.others));
    throw new DatasetError(
      `${join(root, name)}: this class has no picture${others}; add ${FORMAT_LIST} files or remove the folder`,
    );
  }
}
