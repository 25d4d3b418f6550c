import { extname } from 'node:path';
import { byCodeUnit } from '../split.ts';

/** Something about a folder that a person should know, though training goes on. */
export interface Remark {
  readonly kind: 'layout' | 'passed-over' | 'same-picture';
  /** One sentence: how many, what, and what to do. Names follow in `files`. */
  readonly text: string;
  /** All that it is about, by the path from the folder, with `/` on every platform. */
  readonly files: readonly string[];
  /** For 'same-picture': the files with the same bytes. */
  readonly groups?: readonly (readonly string[])[];
}

/** `3 pictures`, `1 picture` */
export function count(n: number, thing: string, plural: string = `${thing}s`): string {
  return `${n} ${n === 1 ? thing : plural}`;
}

const CONVERT = 'convert them to JPEG or PNG';
const FRAMES = 'take single pictures out of it';
const UNPACK = 'unpack them first';
const RAW = `raw files of a camera, which are not decoded: export them as JPEG`;

/** What files with an ending are, and what to do about them. */
const ENDINGS = new Map<string, string>();
for (const [endings, text] of [
  [
    '.heic .heif',
    "HEIC pictures, which are not decoded: convert them to JPEG, with 'heif-convert', or on a Mac with 'sips -s format jpeg'",
  ],
  ['.tif .tiff', `TIFF pictures, which are not decoded: ${CONVERT}`],
  ['.bmp .dib', `BMP pictures, which are not decoded: ${CONVERT}`],
  ['.svg .svgz', `drawings of lines, which are not decoded: ${CONVERT}`],
  [
    '.ico .jxl .jp2 .j2k .psd .tga .ppm .pgm .pnm .pbm .eps .xcf',
    `pictures that are not decoded: ${CONVERT}`,
  ],
  ['.cr2 .cr3 .nef .arw .dng .orf .rw2 .raf .pef .raw', RAW],
  ['.mp4 .mov .avi .mkv .webm .m4v .mpg .mpeg .3gp', `films: ${FRAMES}`],
  ['.zip .tar .gz .tgz .7z .rar .bz2 .xz', `archives: ${UNPACK}`],
  [
    '',
    "files without an ending: a picture's name ends in .jpg, .png or the like; rename those that are pictures",
  ],
] as const)
  for (const ending of endings.split(' ')) ENDINGS.set(ending, text);

/** What becomes of files that are no pictures by their ending, grouped by it: one remark an ending, the most frequent first. */
export function passedOver(files: readonly string[], total: number): Remark[] {
  const groups = new Map<string, string[]>();
  for (const file of files) {
    const ending = extname(file).toLowerCase();
    groups.set(ending, [...(groups.get(ending) ?? []), file]);
  }
  return [...groups]
    .sort(([a, x], [b, y]) => y.length - x.length || byCodeUnit(a, b))
    .map(([ending, names]): Remark => {
      const what = ENDINGS.get(ending) ?? 'no pictures by the ending of the name';
      const subject = `${names.length} of ${count(total, 'file')} passed over`;
      return {
        kind: 'passed-over',
        text: `${subject}: ${ending === '' ? '' : `${extname(names[0]!)}, `}${what}`,
        files: names,
      };
    });
}

/** In words, of the files of a class that has no picture: `8 .HEIC: HEIC pictures, which …`. */
export function whyNoPicture(files: readonly string[]): string {
  const [first] = passedOver(files, files.length);
  return first ? ` (${first.text})` : '';
}

/** A picture, as far as `samePictures` looks. */
interface Placed {
  readonly name: string;
  readonly part: string;
  readonly label: number;
  readonly hash: string;
}

/**
 * Which pictures have the same bytes, where that matters: in two parts (what is measured was trained on), in two classes
 * (one of them is wrong), twice in one class.
 */
export function samePictures(files: readonly Placed[], classes: readonly string[]): Remark[] {
  const byHash = new Map<string, Placed[]>();
  for (const file of [...files].sort((a, b) => byCodeUnit(a.name, b.name))) {
    const same = byHash.get(file.hash);
    if (same) same.push(file);
    else byHash.set(file.hash, [file]);
  }
  const groups = [...byHash.values()].filter((group) => group.length > 1);
  const remarks: Remark[] = [];
  const say = (chosen: readonly Placed[][], text: (n: string) => string): void => {
    if (chosen.length === 0) return;
    const named = chosen.map((group) => group.map(({ name }) => name));
    remarks.push({
      kind: 'same-picture',
      text: text(count(chosen.length, 'picture')),
      files: named.flat(),
      groups: named,
    });
  };
  const distinct = (group: readonly Placed[], of: (file: Placed) => unknown): unknown[] => [
    ...new Set(group.map(of)),
  ];
  const inParts = groups.filter((group) => distinct(group, (f) => f.part).length > 1);
  const parts = distinct(inParts.flat(), (f) => f.part);
  say(
    inParts,
    (n) =>
      `the same bytes in ${parts.join(' and ')}, ${n}: what was trained on is measured, so the figures come out too good; ` +
      'remove one of each',
  );
  const inClasses = groups.filter((group) => distinct(group, (f) => f.label).length > 1);
  const labels = distinct(inClasses.flat(), (f) => classes[f.label]) as string[];
  const which = labels.length === 2 ? `'${labels.join("' and '")}'` : `two of ${labels.length} classes`;
  say(inClasses, (n) => `the same bytes in ${which}, ${n}: only one class can be right; remove the other`);
  const twice = groups.filter((group) => !inParts.includes(group) && !inClasses.includes(group));
  say(
    twice,
    (n) => `the same bytes more than once in a class, ${n}: each copy counts; remove what is too many`,
  );
  return remarks;
}
