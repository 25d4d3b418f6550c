import { Random } from '@graftjs/core';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pictureFolder, temporaryFolder, tinyBase } from '../src/testing.ts';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const bundler = fileURLToPath(new URL('../../../scripts/bundle.mjs', import.meta.url));
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let [program, photos, base] = ['', '', ''];
const at = (name: string): string => join(folder.path, name);

beforeAll(async () => {
  folder = await temporaryFolder();
  execFileSync(process.execPath, [bundler, main, at('program')]);
  program = at('program/main.mjs');
  photos = await pictureFolder(at('photos'), 8);
  base = await tinyBase(at('tiny.safetensors'));
});
afterAll(() => folder.remove());

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly err: string;
}

/** Fine-tunes with dropout, clipping and augmented views, so that all there is to restore matters. */
function start(
  out: string,
  epochs: number,
  ...more: string[]
): { child: ChildProcess; ended: Promise<Ended> } {
  const options = [
    '--base',
    base,
    '--size',
    '32',
    '--epochs',
    String(epochs),
    '--unlock-from',
    'conv2',
    '--augment',
    'light',
  ];
  const child = spawn(
    process.execPath,
    [
      program,
      'train',
      photos,
      '--out',
      out,
      ...options,
      '--batch',
      '4',
      '--cache',
      'off',
      '--checkpoint-seconds',
      '0',
      ...more,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'], cwd: fileURLToPath(new URL('..', import.meta.url)) },
  );
  let err = '';
  child.stderr.on('data', (data) => (err += String(data)));
  return {
    child,
    ended: new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal, err }))),
  };
}

const sha = async (path: string): Promise<string> =>
  createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
/** Which file is at a path: another one as soon as it is written anew; empty if there is none. */
const stamp = (path: string): string => {
  const file = statSync(path, { throwIfNoEntry: false });
  return file ? `${file.ino} ${file.mtimeMs}` : '';
};
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
async function until(done: () => boolean): Promise<void> {
  while (!done()) await sleep(5);
}

describe('Ctrl-C', () => {
  it('keeps a checkpoint, exits 130, and --resume ends with the same bits', async () => {
    await mkdir(at('c'));
    const [whole, broken, checkpoint] = [
      at('c/whole.safetensors'),
      at('c/m.safetensors'),
      at('c/m.checkpoint.safetensors'),
    ];
    expect(await start(whole, 60).ended).toMatchObject({ code: 0 });
    for (let i = 0, epochsAreLeft = true; epochsAreLeft; i++) {
      const { child, ended } = start(broken, 60, ...(i ? ['--resume'] : []));
      if (i < 2) {
        const before = stamp(checkpoint);
        await until(() => existsSync(checkpoint) && stamp(checkpoint) !== before); // it has begun, or gone on
        child.kill('SIGINT');
      }
      const { code, signal, err } = await ended;
      epochsAreLeft = i < 2;
      expect([code, signal]).toEqual([epochsAreLeft ? 130 : 0, null]);
      if (!epochsAreLeft) break;
      expect(err).toContain('stopping after the step at hand; Ctrl-C again stops at once\n');
      expect(err).toMatch(
        new RegExp(
          `\ngraft: stopped; the checkpoint ${checkpoint} is kept. To go on: graft train .* --resume\n$`,
        ),
      );
      expect((await readdir(at('c'))).sort()).toEqual([
        'm.checkpoint.safetensors',
        'whole.report.html',
        'whole.safetensors',
      ]);
    }
    expect(await sha(broken)).toBe(await sha(whole));
    expect(existsSync(checkpoint)).toBe(false);
  });

  it('while the pictures are read: nothing is written', async () => {
    await mkdir(at('early'));
    const { child, ended } = start(at('early/m.safetensors'), 5);
    await sleep(30);
    child.kill('SIGINT'); // while Node is still loading, before anything listens
    const { code, signal } = await ended;
    expect(code ?? signal).toSatisfy((end) => end === 130 || end === 'SIGINT');
    expect(await readdir(at('early'))).toEqual([]);
  });

  it('a second time: stops at once', async () => {
    await mkdir(at('twice'));
    const { child, ended } = start(at('twice/m.safetensors'), 5000);
    await until(() => existsSync(at('twice/m.checkpoint.safetensors')));
    child.kill('SIGINT');
    child.kill('SIGINT');
    await sleep(20);
    child.kill('SIGINT');
    // The last one may hit a process that is leaving already and listens no more: a shell calls that 130, too.
    const { code, signal } = await ended;
    expect(signal ?? code).toBeOneOf([130, 'SIGINT']);
  });

  it('a run with other settings is not mistaken for the interrupted one', async () => {
    await mkdir(at('other'));
    const { child, ended } = start(at('other/m.safetensors'), 5000);
    await until(() => existsSync(at('other/m.checkpoint.safetensors')));
    child.kill('SIGTERM');
    expect((await ended).code).toBe(143);
    const again = await start(at('other/m.safetensors'), 5000).ended;
    expect([again.code, again.err]).toEqual([
      1,
      expect.stringMatching(
        /m\.checkpoint\.safetensors is left from an interrupted run; add --resume to go on with it, or --force/,
      ),
    ]);
    const changed = await start(at('other/m.safetensors'), 5001, '--resume').ended;
    expect([changed.code, changed.err]).toEqual([
      1,
      expect.stringMatching(/belongs to another run: --epochs was 5000, is 5001/),
    ]);
  });
});

describe('SIGKILL', () => {
  it('at 20 random points: the resumed run ends with the same bits', async () => {
    await mkdir(at('k'));
    const epochs = 120;
    const [whole, broken, checkpoint] = [
      at('k/whole.safetensors'),
      at('k/m.safetensors'),
      at('k/m.checkpoint.safetensors'),
    ];
    expect((await start(whole, epochs).ended).code).toBe(0);
    const wanted = await sha(whole);
    const random = new Random(Number(process.env['GRAFT_TEST_SEED'] ?? 1), 'kill');
    let [kills, finished, midway] = [0, 0, 0];
    while (kills < 20 || finished === 0) {
      const { child, ended } = start(broken, epochs, '--resume');
      if (kills < 20) {
        // Or starting would take most of the time: wait for a sign of life (the checkpoint moves), then a random moment.
        const before = stamp(checkpoint);
        let over = false;
        void ended.then(() => (over = true));
        const moved = (): boolean => stamp(checkpoint) !== before;
        await until(() => over || kills % 4 === 3 || (existsSync(checkpoint) && moved()));
        await sleep(random.uniform() * (kills % 4 === 3 ? 400 : 60));
        child.kill('SIGKILL');
        kills++;
      }
      const { code, signal, err } = await ended;
      if (signal === 'SIGKILL') {
        if (existsSync(checkpoint)) midway++;
        // unless it came so late that everything was done
        if (existsSync(checkpoint) || !existsSync(broken)) continue;
      } else expect([code, err]).toEqual([0, expect.not.stringContaining('graft:')]);
      expect(await sha(broken)).toBe(wanted);
      finished++;
      await rm(broken);
    }
    expect(midway).toBeGreaterThanOrEqual(10);
    expect((await readdir(at('k'))).filter((f) => f.endsWith('.safetensors'))).toEqual(['whole.safetensors']);
  });
});

describe('other ends', () => {
  const shell = (command: string): Promise<{ code: number | null; out: string }> => {
    const child = spawn('bash', ['-c', `graft() { '${process.execPath}' '${program}' "$@"; }\n${command}`], {
      cwd: fileURLToPath(new URL('..', import.meta.url)),
    });
    let out = '';
    child.stdout.on('data', (data) => (out += String(data)));
    return new Promise((resolve) => child.on('close', (code) => resolve({ code, out })));
  };

  it('a reader that goes away ends neither the training nor the writing', async () => {
    await mkdir(at('pipe'));
    const options = `--base ${base} --size 32 --epochs 40 --cache off --no-report`;
    const whole = await shell(
      `graft train ${photos} --out ${at('pipe/whole.safetensors')} ${options} --json`,
    );
    const { sha256 } = JSON.parse(whole.out) as { sha256: string };
    // Nobody listens to either stream, from the beginning on and after a line.
    const ways = [
      [`train ${photos} --out ${at('pipe/a.safetensors')} ${options} 2>&1 | true`, 'a'],
      [`train ${photos} --out ${at('pipe/b.safetensors')} ${options} 2>&1 | head -1`, 'b'],
    ] as const;
    for (const [command, name] of ways) {
      expect((await shell(`graft ${command}; exit \${PIPESTATUS[0]}`)).code).toBe(0);
      expect(await sha(at(`pipe/${name}.safetensors`))).toBe(sha256);
    }
  });

  it.each([
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('%s keeps a checkpoint and exits with %i', async (signal, wanted) => {
    await mkdir(at(signal));
    const { child, ended } = start(at(`${signal}/m.safetensors`), 5000);
    await until(() => existsSync(at(`${signal}/m.checkpoint.safetensors`)));
    child.kill(signal);
    const { code, err } = await ended;
    expect([code, err]).toEqual([wanted, expect.stringMatching(/graft: stopped; the checkpoint .* is kept/)]);
  });

  it('Ctrl-C ends a command that waits for a pipe which nobody writes to', async () => {
    const pipe = at('pipe.png');
    await new Promise((made) => spawn('mkfifo', [pipe]).on('close', made));
    const model = at('fifo.safetensors');
    expect(await start(model, 2).ended).toMatchObject({ code: 0 });
    for (const words of [
      [model, pipe],
      [pipe, join(photos, 'red/0.png')],
    ]) {
      const child = spawn(process.execPath, [program, 'predict', ...words], {
        cwd: fileURLToPath(new URL('..', import.meta.url)),
        stdio: 'ignore',
      });
      let over = false;
      const ended = new Promise((resolve) =>
        child.on('close', (code, signal) => {
          over = true;
          resolve(signal ?? code);
        }),
      );
      // Until it listens, and while it waits.
      for (let i = 0; i < 40 && !over; i++) {
        await sleep(100);
        if (i > 20) child.kill('SIGINT');
      }
      expect(await ended).toBeOneOf(['SIGINT', 130]);
    }
  });
});
