import { clock, count, speed } from './format.ts';
import { painter, type Io } from './io.ts';
import { widthOf } from './table.ts';

export interface Step {
  /** What is being done: 'features', 'epoch 3 of 40'. */
  readonly label: string;
  readonly done: number;
  readonly total: number;
  /** Shown after the numbers, such as 'loss 0.41'. */
  readonly extra?: string;
  /** Pictures seen so far over all that is left to do, where that is more than this step; for speed and time left. */
  readonly overall?: { readonly done: number; readonly total: number };
}

const REDRAW = 100; // ms between two redraws of the bar
const PLAIN = 10_000; // ms between two plain lines
const BAR = 24;

/**
 * Live progress on standard error: on a terminal one line that is redrawn, elsewhere a plain line every ten seconds.
 * Knows how fast it goes (over the phase at hand) and how long it will take.
 */
export class Progress {
  readonly #io: Io;
  readonly #live: boolean;
  readonly #blocks: readonly [string, string];
  /** Time and pictures of each phase so far, without what lay in between. */
  readonly #spent = new Map<string, { ms: number; from: number }>();
  #phase = '';
  #updatedAt = 0;
  #shownAt: number;
  #shownPhase = '';
  #open = false;

  constructor(
    io: Io,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.#io = io;
    this.#live = io.stderr.isTTY && io.env['TERM'] !== 'dumb';
    this.#blocks = /utf-?8/i.test(io.env['LC_ALL'] ?? io.env['LC_CTYPE'] ?? io.env['LANG'] ?? '')
      ? ['█', '░']
      : ['#', '-'];
    this.#shownAt = this.#live ? -Infinity : this.now();
  }

  /** `phase` groups steps of the same speed; others may come in between. */
  update(phase: string, step: Step): void {
    const now = this.now();
    const { done, total } = step.overall ?? step;
    const spent = this.#spent.get(phase) ?? { ms: 0, from: done };
    this.#spent.set(phase, spent);
    if (phase === this.#phase) spent.ms += now - this.#updatedAt;
    this.#phase = phase;
    this.#updatedAt = now;
    // a bar that is on the screen is seen full; phases of milliseconds are not seen at all
    const completes = this.#live && this.#shownPhase === phase && step.done >= step.total;
    if (now - this.#shownAt < (this.#live ? REDRAW : PLAIN) && !completes) return;
    this.#shownPhase = phase;
    this.#shownAt = now;
    const seconds = spent.ms / 1000;
    const perSecond = (done - spent.from) / seconds;
    const known = seconds > 0.5 && perSecond > 0;
    const tail = [
      ...(step.extra ? [step.extra] : []),
      ...(known ? [`${speed(perSecond)} pictures/s`] : []),
      ...(known && total > done ? [`${clock((total - done) / perSecond)} left`] : []),
    ].join(', ');
    if (this.#live) this.#draw(step, tail);
    else
      this.#io.stderr.write(
        `${step.label}: ${count(step.done)} of ${count(step.total)}${tail ? `, ${tail}` : ''}\n`,
      );
  }

  /** A line that stays. */
  say(text: string): void {
    this.clear();
    this.#io.stderr.write(`${text}\n`);
  }

  /** Takes the bar away. */
  clear(): void {
    if (this.#open) this.#io.stderr.write('\r\u001b[K');
    this.#open = false;
  }

  #draw(step: Step, tail: string): void {
    const share = step.total > 0 ? Math.min(1, step.done / step.total) : 1;
    const full = Math.round(share * BAR);
    const [on, off] = this.#blocks;
    const room = this.#io.stderr.columns - 1;
    const bar = on.repeat(full) + off.repeat(BAR - full);
    const head = `${step.label}  `;
    let rest = `  ${count(step.done)}/${count(step.total)}${tail ? `  ${tail}` : ''}`;
    const width = (): number => widthOf(head) + BAR + widthOf(rest);
    while (rest && width() > room) rest = rest.slice(0, -1);
    const paint = painter(this.#io.stderr, this.#io.env);
    const line = width() > room ? `${head}${rest}`.slice(0, room) : `${head}${paint('cyan', bar)}${rest}`;
    this.#io.stderr.write(`\r\u001b[K${line}`);
    this.#open = true;
  }
}
