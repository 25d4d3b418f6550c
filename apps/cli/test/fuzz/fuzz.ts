/**
 * Damages files that Graft reads and reads them: `pnpm --filter @graftjs/cli run fuzz [--files N] [--seed N] [--only onnx]`,
 * on Linux.
 *
 * Each child has 1 GB (V8's heap and, by `ulimit -d`, all that it writes to, Wasm's memory included) and takes 200 files;
 * the file at which one ends is run again alone. Wrong are: an abort, more than 2 s, an error that is not Graft's own or
 * has more than one line. The seed says the file, in every run: `--seed 4711 --files 1` is number 4711.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const CHILD = fileURLToPath(new URL('./child.ts', import.meta.url));
const MEGABYTES = 1024;
/** Processor time that a file may take. */
const SECONDS = 2;
/** Of the clock, after which a child counts as hung; others may need the processors, too. */
const HUNG = 60;

interface Line {
  readonly seed: number;
  readonly family?: string;
  readonly name?: string;
  readonly result?: 'ran' | 'refused';
  readonly ms?: number;
  readonly problem?: string;
  readonly message?: string;
}
export interface Culprit {
  readonly seed: number;
  readonly what: string;
}
export interface Figures {
  readonly files: number;
  readonly ran: number;
  readonly refused: number;
  /** The longest, in milliseconds of processor time. */
  readonly longest: number;
  readonly culprits: readonly Culprit[];
}

/** One child; resolves with what it said, and how it ended. */
function child(first: number, count: number, only = ''): Promise<{ lines: Line[]; end: string | null }> {
  const node = `ulimit -d ${MEGABYTES * 1024} && exec "$0" "$@"`;
  const flags = ['--conditions=@graftjs/source', '--import', 'tsx', `--max-old-space-size=${MEGABYTES}`];
  const argv = ['-c', node, process.execPath, ...flags, CHILD, String(first), String(count), only];
  const process_ = spawn('sh', argv, {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: fileURLToPath(new URL('.', import.meta.url)),
  });
  const lines: Line[] = [];
  let said = '';
  let hung = false;
  const kill = (): void => {
    hung = true;
    process_.kill('SIGKILL');
  };
  let timer = setTimeout(kill, HUNG * 1000);
  createInterface(process_.stdout).on('line', (line) => {
    clearTimeout(timer);
    timer = setTimeout(kill, HUNG * 1000);
    lines.push(JSON.parse(line) as Line);
  });
  process_.stderr.on('data', (data: Buffer) => (said = (said + data.toString()).slice(-4000)));
  return new Promise((resolve) => {
    process_.on('close', (code, signal) => {
      clearTimeout(timer);
      const why =
        /(FATAL ERROR.*|RuntimeError.*|\w*Error: .*|terminate called.*|Aborted.*)/.exec(said)?.[1] ??
        said.trim().slice(0, 300);
      const end =
        code === 0 ? null : hung ? `hangs for ${HUNG} s` : `ends the process (${signal ?? code}): ${why}`;
      resolve({ lines, end });
    });
  });
}

/** Runs files `first` to `first + count − 1`. */
export async function fuzz(
  first: number,
  count: number,
  perChild = 200,
  say: (line: string) => void = () => {},
  only = '',
): Promise<Figures> {
  let [ran, refused, longest, at] = [0, 0, 0, first];
  const culprits: Culprit[] = [];
  while (at < first + count) {
    const { lines, end } = await child(at, Math.min(perChild, first + count - at), only);
    let last = lines.findLast((l) => l.family !== undefined);
    for (const l of lines) {
      if (l.message !== undefined) say(`${l.seed}: ${l.message}`);
      if (l.result === undefined) continue;
      if (l.result === 'ran') ran++;
      else refused++;
      longest = Math.max(longest, l.ms!);
      const about = lines.find((o) => o.seed === l.seed && o.family !== undefined)!;
      const add = (what: string): void => {
        culprits.push({ seed: l.seed, what: `${about.name}: ${what}` });
        say(`seed ${l.seed}: ${about.name}: ${what}`);
      };
      if (l.problem !== undefined) add(l.problem);
      else if (l.ms! > SECONDS * 1000) {
        // Once more alone: the first files of a process are compiled while they are read.
        const again = (await child(l.seed, 1)).lines.find((o) => o.result !== undefined);
        if (again === undefined || again.ms! > SECONDS * 1000) add(`takes ${again?.ms ?? l.ms} ms`);
      }
    }
    if (end === null) at = Math.min(at + perChild, first + count);
    else {
      last ??= { seed: at, name: 'the start' };
      const again = await child(last.seed, 1);
      const what = again.end ?? `with those before it ${end}`;
      culprits.push({ seed: last.seed, what: `${last.name}: ${what}` });
      say(`seed ${last.seed}: ${last.name}: ${what}`);
      at = last.seed + 1;
    }
    say(`${at - first} of ${count} files: ${ran} ran, ${refused} refused, ${culprits.length} culprits`);
  }
  return { files: ran + refused, ran, refused, longest, culprits };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const option = (name: string, usual: number): number => {
    const at = process.argv.indexOf(`--${name}`);
    return at < 0 ? usual : Number(process.argv[at + 1]);
  };
  const only = process.argv.includes('--only') ? process.argv[process.argv.indexOf('--only') + 1] : '';
  const say = (line: string): void => console.log(line);
  const done = await fuzz(option('seed', 1), option('files', 20_000), 200, say, only);
  console.log(JSON.stringify({ ...done, culprits: done.culprits.map((c) => c.seed) }));
  process.exitCode = done.culprits.length ? 1 : 0;
}
