// `npm run demo`: teaches a network that was trained on photographs to sort emoji, from 40 drawings of each of nine
// groups, and measures it on all the other drawings. Beside it, a small network learns the same from nothing.
import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { processIo } from '../src/process-io.ts';
import { trainOptions } from '../src/train-options.ts';
import { trainFolder } from '../src/training.ts';
import { layOutEmoji } from './emoji.ts';

const PER_CLASS = 40;
const SEED = 7;

const root = fileURLToPath(new URL('../../..', import.meta.url));
const folder = join(root, '.cache/demo');
const photos = join(folder, `emoji-${PER_CLASS}-${SEED}`);

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
    child.once('close', (code) => {
      if (code === 0) resolve((JSON.parse(output) as { balancedAccuracy: number }).balancedAccuracy);
      else reject(new Error(`training from scratch ended with ${code}`));
    });
  });
}

const io = processIo();
const say = (text: string): void => io.stderr.write(`${text}\n`);

await mkdir(folder, { recursive: true });
await layOutEmoji(photos, PER_CLASS, SEED);
say(
  `${PER_CLASS} drawings of each class to learn from, and all others to test with: ${relative(root, photos)}`,
);
const scratch = fromScratch();
scratch.catch(() => undefined); // looked at below
const options = trainOptions(
  {
    _: [],
    folder: photos,
    out: join(folder, 'emoji.safetensors'),
    seed: String(SEED),
    cache: join(folder, 'features'),
    report: true,
    force: true,
  },
  io,
);
const result = await trainFolder(options, io);
say('waiting for the network from scratch');
const balanced = result.scores!.balancedAccuracy.toFixed(3);
const chance = (1 / result.classes.length).toFixed(3);
io.stdout.write(
  `test balanced accuracy ${balanced} on ${result.scores!.count} pictures of ${result.classes.length} classes ` +
    `(chance ${chance}; from scratch ${(await scratch).toFixed(3)})\n${relative(process.cwd(), result.report!)}\n`,
);
