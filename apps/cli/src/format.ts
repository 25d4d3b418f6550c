import { widthOf } from './table.ts';

/** `[1, 2, 3]` → `'1, 2, 3'`; long lists end in how many more there are. */
export function list(items: readonly string[], limit = 12): string {
  const shown = items.slice(0, limit).join(', ');
  return items.length > limit ? `${shown} and ${items.length - limit} more` : shown;
}

const graphemes = new Intl.Segmenter();

/** At most `limit` columns wide, cut between characters as people see them; `…` stands for what is cut off. */
export function shorten(text: string, limit: number): string {
  if (widthOf(text) <= limit) return text;
  let out = '';
  let width = 1;
  for (const { segment } of graphemes.segment(text)) {
    width += widthOf(segment);
    if (width > limit) break;
    out += segment;
  }
  return `${out}…`;
}

/** `plural(1, 'picture')` → '1 picture'; `plural(2, 'class', 'classes')` → '2 classes'. */
export function plural(n: number, one: string, many: string = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

/** Thousands separated: 1,852. */
export function count(n: number): string {
  return String(n).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** 0.8125 → '81.3 %'; '–' for what is not known. */
export function percent(fraction: number | null): string {
  return fraction !== null && Number.isFinite(fraction) ? `${(fraction * 100).toFixed(1)} %` : '–';
}

/** 75 → '1:15'; 3700 → '1:01:40'. */
export function clock(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  const two = (v: number): string => String(v).padStart(2, '0');
  const [h, m] = [Math.floor(s / 3600), Math.floor(s / 60) % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s % 60)}` : `${m}:${two(s % 60)}`;
}

/** 12.3 → '12 s'; 75 → '1 min 15 s'. */
export function duration(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  const m = Math.floor(s / 60);
  if (m < 60) return s % 60 ? `${m} min ${s % 60} s` : `${m} min`;
  return `${Math.floor(m / 60)} h ${m % 60} min`;
}

/** Three digits that matter: 0.00123, 12.3, 1,230. */
export function speed(perSecond: number): string {
  if (!Number.isFinite(perSecond)) return '–';
  return perSecond >= 100 ? count(Math.round(perSecond)) : perSecond.toPrecision(perSecond >= 10 ? 3 : 2);
}

/** A word as the shell takes it: quoted only where it must be. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
