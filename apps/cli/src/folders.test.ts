import { cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { expectRefused, graft, pictureFolder, temporaryFolder, tinyBase, type Captured } from './testing.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let base = '';
let [out, results] = ['', ''];
let run = 0;
const at = (name: string): string => join(folder.path, name);

beforeAll(async () => {
  folder = await temporaryFolder();
  base = await tinyBase(at('tiny.safetensors'));
});
beforeEach(async () => {
  results = at(`out${run++}`);
  await mkdir(results);
  out = join(results, 'model.safetensors');
});
afterAll(() => folder.remove());

const train = (path: string, ...more: string[]): Promise<Captured> => {
  const learning = ['--epochs', '3', '--lr', '0.1', '--batch', '4'];
  const options = ['--base', base, '--size', '32', ...learning, '--cache', 'off', '--seed', '3'];
  return graft(['train', path, '--out', out, ...options, ...more]);
};
const report = (): Promise<string> => readFile(join(results, 'model.report.html'), 'utf8');

/** Pictures of a colour in a class folder of any name. */
async function classFolder(
  path: string,
  count: number,
  colour: 'red' | 'green' | 'blue',
  seed: number,
): Promise<void> {
  const temporary = `${path}.made`;
  await pictureFolder(temporary, count, [colour], seed);
  await rename(join(temporary, colour), path);
  await rm(temporary, { recursive: true });
}

describe('a val folder of its own', () => {
  it('goes before any share, which is refused beside it; what was done is said', async () => {
    await pictureFolder(at('own/train'), 4);
    await pictureFolder(at('own/val'), 2, ['blue', 'green'], 50);
    const refusal =
      /has a folder 'val' of its own, which is measured and never trained on, .* leave that share out/;
    await expectRefused(await train(at('own'), '--validation', '0.5'), 1, refusal, results);
    await expectRefused(await train(at('own'), '--validation', '0'), 1, refusal, results);

    const { code, err, out: stdout } = await train(at('own'), '--json');
    expect([code, err]).toEqual([
      0,
      expect.stringMatching(/^val has no picture of 'red'\n3 epochs done[^\n]*\n$/),
    ]);
    expect(JSON.parse(stdout)).toMatchObject({
      train: 12,
      validation: 4,
      validationShare: null,
      remarks: [{ kind: 'layout', text: "val has no picture of 'red'", files: [] }],
    });
    const page = await report();
    expect(page).toContain('the folder &#39;val&#39; for validation');
    expect(page).not.toContain('of each class for validation');
    // Nothing is known of red: no 0 % anywhere in its row.
    const row = /<tr>\s*<td><bdi>red<\/bdi><\/td>.*?<\/tr>/s.exec(page)![0];
    expect(row).not.toMatch(/\d\s*%/);
    expect(row.match(/–/g)).toHaveLength(3);
    const record = JSON.parse(
      (await graft(['evaluate', out, at('own'), '--json', '--cache', 'off'])).out,
    ) as {
      perClass: unknown[];
    };
    expect(record.perClass[2]).toEqual({
      class: 'red',
      count: 0,
      recall: null,
      precision: null,
      f1: null,
      takenFor: null,
    });
  });

  it('(without one, the share that was used is said)', async () => {
    await pictureFolder(at('share'), 5);
    expect(JSON.parse((await train(at('share'), '--json')).out)).toMatchObject({ validationShare: 0.2 });
    expect(await report()).toContain('0.2 of each class for validation');
  });
});

describe('what was passed over, and the same picture twice', () => {
  it('is said, with names, on the terminal, in JSON and in the report; training goes on', async () => {
    const path = await pictureFolder(at('zip/photos'), 4);
    await mkdir(join(path, 'red/2019'));
    await cp(join(path, 'red/0.png'), join(path, 'red/2019/0.png'));
    await cp(join(path, 'blue/1.png'), join(path, 'green/b.png'));
    for (let i = 0; i < 7; i++) await writeFile(join(path, 'red', `${i}.HEIC`), '');
    await writeFile(join(path, 'green', 'a\nb\u202e.txt'), '');
    const { code, err, out: stdout } = await train(at('zip'), '--json');
    expect(code).toBe(0);
    const lines = err.split('\n');
    expect(lines).toEqual(
      expect.arrayContaining([
        "one folder down, in 'photos', are the classes: they are read there",
        "1 of 5 pictures in 'photos/red' lie in folders inside it: they belong to the class",
        '  photos/red/2019/0.png',
        expect.stringMatching(/^7 of 22 files passed over: \.HEIC, .*convert them to JPEG/),
        '  photos/red/0.HEIC, photos/red/1.HEIC, photos/red/2.HEIC, photos/red/3.HEIC, photos/red/4.HEIC and 2 more',
        '  photos/green/a b?.txt',
        expect.stringMatching(/^the same bytes in 'blue' and 'green', 1 picture/),
        '  photos/blue/1.png = photos/green/b.png',
      ]),
    );
    const { remarks } = JSON.parse(stdout) as { remarks: { kind: string; groups?: string[][] }[] };
    expect(remarks.filter(({ kind }) => kind === 'same-picture').flatMap(({ groups }) => groups)).toEqual(
      expect.arrayContaining([
        ['photos/blue/1.png', 'photos/green/b.png'],
        ['photos/red/0.png', 'photos/red/2019/0.png'],
      ]),
    );
    const page = await report();
    for (const text of ['photos/red/6.HEIC', 'photos/blue/1.png = photos/green/b.png', 'one folder down'])
      expect(page).toContain(text);
  });
});

describe('classes called anything', () => {
  const strange = ['__proto__', 'constructor', 'Constructor', 'hasOwnProperty', 'toString'];
  const [composed, decomposed] = ['caf\u00e9', 'cafe\u0301'];

  it('are trained, saved, measured and named; accents are one letter however they are written', async () => {
    await mkdir(at('odd/train'), { recursive: true });
    await mkdir(at('odd/val'));
    const names = [...strange, decomposed];
    for (const [i, name] of names.entries()) {
      await classFolder(at(`odd/train/${name}`), 3, i % 2 ? 'red' : 'blue', 100 * i);
      await classFolder(at(`odd/val/${name.normalize('NFC')}`), 1, i % 2 ? 'red' : 'blue', 100 * i + 50);
    }
    const trained = await train(at('odd'), '--json');
    expect([trained.code, trained.err]).toEqual([0, expect.stringMatching(/^3 epochs done[^\n]*\n$/)]);
    const classes = [...strange, composed].sort((a, b) => (a < b ? -1 : 1));
    expect(JSON.parse(trained.out)).toMatchObject({ classes, train: 18, validation: 6 });
    expect((await readFile(out, 'latin1')).includes(Buffer.from(decomposed).toString('latin1'))).toBe(false);

    // a folder that has the other form, and only two of the classes
    await mkdir(at('odd/two'));
    await classFolder(at(`odd/two/${decomposed}`), 2, 'red', 7);
    await classFolder(at('odd/two/constructor'), 2, 'red', 70);
    const measured = await graft(['evaluate', out, at('odd/two'), '--json', '--cache', 'off']);
    expect(measured.code).toBe(0);
    const { perClass } = JSON.parse(measured.out) as {
      perClass: { class: string; count: number; recall: number | null }[];
    };
    expect(perClass.map((c) => c.class)).toEqual(classes);
    expect(perClass.filter((c) => c.count > 0).map((c) => c.class)).toEqual([composed, 'constructor'].sort());
    for (const c of perClass) expect(c.recall === null).toBe(c.count === 0);

    const said = await graft(['predict', out, at(`odd/two/constructor/0.png`), '--top', '6', '--json']);
    const { predictions } = JSON.parse(said.out) as { predictions: [{ top: { class: string }[] }] };
    expect(predictions[0].top.map((t) => t.class).sort()).toEqual([...classes].sort());
    expect((await graft(['inspect', out])).code).toBe(0);
  });
});
