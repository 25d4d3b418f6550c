import type { Preprocess } from '@graftjs/core';
import { PictureSource } from '@graftjs/vision';
import { decodeImage } from '@graftjs/vision/node';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);
const folderOf = (name: string): string => dirname(require.resolve(`${name}/package.json`));

/** Unicode's groups, in its order. */
export const CLASSES = [
  'smileys',
  'people',
  'animals',
  'food',
  'travel',
  'activities',
  'objects',
  'symbols',
  'flags',
] as const;
const GROUPS: Record<string, number> = {
  'Smileys & Emotion': 0,
  'People & Body': 1,
  'Animals & Nature': 2,
  'Food & Drink': 3,
  'Travel & Places': 4,
  Activities: 5,
  Objects: 6,
  Symbols: 7,
  Flags: 8,
};

export type Style = 'google' | 'fluent';
export interface Emoji {
  /** Code points in lower-case hexadecimal, joined by '-', without variation selectors. */
  readonly code: string;
  readonly label: number;
  readonly file: Readonly<Record<Style, string>>;
}

const plain = (code: string): string =>
  code
    .toLowerCase()
    .split('-')
    .filter((c) => c !== 'fe0f')
    .join('-');

/** The emoji that both artists drew, without skin tones, in code-point order: 1,852 of them. */
export async function loadEmoji(): Promise<Emoji[]> {
  const google = folderOf('emoji-datasource-google');
  const fluent = folderOf('@lobehub/fluent-emoji-3d');
  const list = JSON.parse(await readFile(join(google, 'emoji.json'), 'utf8')) as {
    unified: string;
    image: string;
    category: string;
    has_img_google: boolean;
  }[];
  const { readdir } = await import('node:fs/promises');
  const drawn = new Map(
    (await readdir(join(fluent, 'assets'))).map((f) => [plain(f.replace(/\.webp$/, '')), f]),
  );
  return list
    .flatMap((e): Emoji[] => {
      const code = plain(e.unified);
      const [label, f] = [GROUPS[e.category], drawn.get(code)];
      if (label === undefined || !f || !e.has_img_google) return [];
      return [
        {
          code,
          label,
          file: { google: join(google, 'img/google/64', e.image), fluent: join(fluent, 'assets', f) },
        },
      ];
    })
    .sort((a, b) => (a.code < b.code ? -1 : 1));
}

/** All emoji in one style; sample i is emoji i in both. */
export function emojiSource(emoji: readonly Emoji[], style: Style, preprocess: Preprocess): PictureSource {
  const entries = emoji.map((e) => ({
    key: `${style}-${e.code}`,
    label: e.label,
    read: () => decodeImage(e.file[style]),
  }));
  return new PictureSource(entries, { classes: CLASSES, preprocess });
}
