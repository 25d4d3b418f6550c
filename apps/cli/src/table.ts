/** A column: numbers stand on the right. */
export interface Column {
  readonly title: string;
  readonly right?: boolean;
}

/** Width on screen: combining marks have none, CJK and emoji take two. Close enough for tables. */
export function widthOf(text: string): number {
  let width = 0;
  for (const char of text) {
    const c = char.codePointAt(0)!;
    if (/\p{Mark}/u.test(char) || c === 0x200d || c === 0xfe0f) continue;
    const wide = (c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xa4cf) || (c >= 0xac00 && c <= 0xd7a3);
    width += wide || (c >= 0xf900 && c <= 0xfaff) || (c >= 0xff00 && c <= 0xff60) || c >= 0x1f300 ? 2 : 1;
  }
  return width;
}

function pad(text: string, width: number, right: boolean): string {
  const space = ' '.repeat(Math.max(0, width - widthOf(text)));
  return right ? space + text : text + space;
}

/** Rows under their titles, columns two spaces apart, no trailing spaces. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map((c, i) => Math.max(widthOf(c.title), ...rows.map((r) => widthOf(r[i] ?? ''))));
  const line = (cells: readonly string[]): string =>
    columns
      .map((c, i) => pad(cells[i] ?? '', widths[i]!, c.right ?? false))
      .join('  ')
      .trimEnd();
  const titles = columns.some((c) => c.title !== '') ? [line(columns.map((c) => c.title))] : [];
  return [...titles, ...rows.map(line)].join('\n');
}

/** `name  value` pairs, values below each other. */
export function pairs(rows: readonly (readonly [string, string])[]): string {
  return table([{ title: '' }, { title: '' }], rows);
}
