// `npm run demo`: teaches a network that was trained on photographs to sort emoji, from 40 drawings of each of nine
// groups, and measures it on all the other drawings. Beside it, a small network learns the same from nothing.
import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeError, exitCodeOf } from '../src/errors.ts';
import { duration, plural } from '../src/format.ts';
import { processIo } from '../src/process-io.ts';
import { commandLine, trainOptions } from '../src/train-options.ts';
import { trainFolder } from '../src/training.ts';
import { layOutEmoji } from './emoji.ts';

const PER_CLASS = 40;
const SEED = 7;

const root = fileURLToPath(new URL('../../..', import.meta.url));
const here = (path: string): string => relative(process.cwd(), path);
const folder = join(root, '.cache/demo');
const photos = join(folder, `emoji-${PER_CLASS}-${SEED}`);

const io = processIo();
const say = (text: string): void => io.stderr.write(`${text}\n`);

/** In a process of its own: a second processor works on it meanwhile. */
function fromScratch(): Promise<number> {
  const script = fileURLToPath(new URL('./from-scratch.ts', import.meta.url));
  const child = spawn(process.execPath, [...process.execArgv, script, photos, String(SEED)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (data) => (output += String(data)));
  process.once('exit', () => child.kill());
  return new Promise((resolve, reject) => {
    child.once('close', (code, signal) => {
      if (signal === 'SIGINT') return; // Ctrl-C reaches both; the one that trains says what it kept
      if (code === 0) resolve((JSON.parse(output) as { balancedAccuracy: number }).balancedAccuracy);
      else reject(new Error(`training from scratch ended with ${signal ?? `exit code ${code}`}`));
    });
  });
}

async function demo(): Promise<void> {
  await mkdir(folder, { recursive: true });
  await layOutEmoji(photos, PER_CLASS, SEED);
  const options = trainOptions(
    {
      _: [],
      folder: here(photos),
      out: here(join(folder, 'emoji.safetensors')),
      'unlock-from': 'block9',
      validation: '0', // all 40 drawings are for training: there are others to test with
      seed: String(SEED),
      cache: join(folder, 'features'),
      report: true,
      force: true,
    },
    io,
  );
  say(`Nine groups of emoji, ${PER_CLASS} drawings of each to learn from, all the others to test with.`);
  say(`${commandLine(options)}\n`);
  const [result, scratch] = await Promise.all([trainFolder(options, io), fromScratch()]);
  const { balancedAccuracy, count } = result.scores!;
  const { length } = result.classes;
  say(
    `trained and measured in ${duration(result.seconds)} on ${result.backend}, ${plural(result.threads, 'thread')}`,
  );
  io.stdout.write(
    `test balanced accuracy ${balancedAccuracy.toFixed(3)} on ${count} pictures of ${length} classes ` +
      `(chance ${(1 / length).toFixed(3)}; from scratch ${scratch.toFixed(3)})\n${result.report}\n`,
  );
}

await demo().catch((error: unknown) => {
  say(`demo: ${describeError(error)}`);
  process.exit(exitCodeOf(error));
});
