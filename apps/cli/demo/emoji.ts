import { Random } from '@graftjs/core';
import { copyFile, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);

/** The nine classes, by Unicode's group. */
const CLASSES: Readonly<Record<string, string>> = {
  'Smileys & Emotion': 'smileys',
  'People & Body': 'people',
  'Animals & Nature': 'animals',
  'Food & Drink': 'food',
  'Travel & Places': 'travel',
  Activities: 'activities',
  Objects: 'objects',
  Symbols: 'symbols',
  Flags: 'flags',
};

interface Drawing {
  readonly className: string;
  /** 'grinning_face' */
  readonly name: string;
  readonly file: string;
}

/** Code points without leading zeros and variation selectors: the packages do not agree on these. */
function plain(codes: readonly string[]): string {
  return codes
    .map((c) => c.toLowerCase().replace(/^0+/, ''))
    .filter((c) => c !== 'fe0f')
    .join('-');
}

/** Every emoji that has a group and a drawing: 1,852 of them, in the order of Unicode's list. Skin tones are left out. */
async function drawings(): Promise<Drawing[]> {
  const folder = join(dirname(require.resolve('@lobehub/fluent-emoji-3d/package.json')), 'assets');
  const files = new Map<string, string>();
  for (const file of (await readdir(folder)).sort()) {
    files.set(plain(file.replace(/\.webp$/, '').split('-')), join(folder, file));
  }
  const list = JSON.parse(
    await readFile(require.resolve('unicode-emoji-json/data-by-emoji.json'), 'utf8'),
  ) as Record<string, { readonly slug: string; readonly group: string }>;
  return Object.entries(list).flatMap(([emoji, { slug, group }]) => {
    const file = files.get(plain([...emoji].map((c) => c.codePointAt(0)!.toString(16))));
    const className = CLASSES[group];
    return file === undefined || className === undefined ? [] : [{ className, name: slug, file }];
  });
}

/**
 * Lays the drawings out as class folders: `train/` has `perClass` of each class, chosen by the seed, `test/` all others.
 * Does nothing where they lie there already.
 */
export async function layOutEmoji(target: string, perClass: number, seed: number): Promise<void> {
  const complete = join(target, '.complete');
  if (await stat(complete).catch(() => null)) return;
  const temp = `${target}.tmp`;
  await rm(temp, { recursive: true, force: true });
  await rm(target, { recursive: true, force: true });
  const all = await drawings();
  for (const className of Object.values(CLASSES)) {
    const own = all.filter((d) => d.className === className);
    const order = new Random(seed, `demo/${className}`).permutation(own.length);
    for (const part of ['train', 'test']) await mkdir(join(temp, part, className), { recursive: true });
    await Promise.all(
      [...order].map((k, i) => {
        const { file, name } = own[k]!;
        return copyFile(file, join(temp, i < perClass ? 'train' : 'test', className, `${name}.webp`));
      }),
    );
  }
  await writeFile(join(temp, '.complete'), '');
  await rename(temp, target);
}
