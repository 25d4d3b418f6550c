/** Where a command writes to. */
export interface Output {
  write(text: string): void;
  readonly isTTY: boolean;
  /** Width of the terminal in characters. */
  readonly columns: number;
}

/** All that a command sees of the process, so that tests can stand in for it. */
export interface Io {
  /** Results, and nothing else. */
  readonly stdout: Output;
  /** Progress, warnings and errors. */
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /**
   * Ctrl-C (and SIGTERM, SIGHUP) call the listener once, which ends the command in its own way, with the exit code that it
   * is told; a second one, or one that nobody listens to, ends the process at once. Returns a function that stops listening.
   */
  onInterrupt(listener: (exitCode: number) => void): () => void;
}

export type Style = 'bold' | 'dim' | 'red' | 'yellow' | 'green' | 'cyan';
const CODES: Record<Style, readonly [number, number]> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  yellow: [33, 39],
  green: [32, 39],
  cyan: [36, 39],
};

/** Colours: only on a terminal, and not where NO_COLOR (https://no-color.org) or a dumb terminal forbids them. */
export function hasColour(out: Output, env: Io['env']): boolean {
  return out.isTTY && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
}

/** `paint('bold', text)`: with escape codes where the output takes them, else the text as it is. */
export function painter(out: Output, env: Io['env']): (style: Style, text: string) => string {
  if (!hasColour(out, env)) return (_, text) => text;
  return (style, text) => `\u001b[${CODES[style][0]}m${text}\u001b[${CODES[style][1]}m`;
}

/** What nobody vouches for (file names, messages) on one line, without control characters. */
export function oneLine(text: string): string {
  // eslint-disable-next-line no-control-regex
  const shown = text.replace(/\s*\n\s*/g, ' ').replace(/[\u0000-\u001f\u007f-\u009f]/g, '?');
  // Marks that turn the direction of all the text behind them: a name could show as another one.
  return shown.replace(/[\u202a-\u202e\u2066-\u2069]/g, '?');
}
