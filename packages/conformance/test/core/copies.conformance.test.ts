import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { version } from '@graftjs/core';
import { afterAll, expect, test } from 'vitest';

const source = join(import.meta.dirname, '../../../core/src');
const folder = mkdtempSync(join(tmpdir(), 'graft copies '));
afterAll(() => rmSync(folder, { recursive: true }));

/** This package once more, as an older one below some dependency would be. */
const other = join(folder, 'node_modules', '@graftjs', 'core');
cpSync(source, join(other, 'src'), { recursive: true, filter: (path) => !path.endsWith('.test.ts') });
writeFileSync(join(other, 'package.json'), '{ "type": "module" }');
const file = join(other, 'src', 'copies.ts');
writeFileSync(file, readFileSync(file, 'utf8').replace(`'${version}'`, "'0.0.9'"));

/** Runs a script with `first` and `second`, two modules of core; what it prints, and what it warns. */
function run(second: string, script: string): { lines: unknown[]; warnings: string[] } {
  const address = (path: string): string => JSON.stringify(pathToFileURL(path).href);
  const text = `
    const warnings = [], lines = [];
    console.warn = (text) => warnings.push(text);
    const first = await import(${address(join(source, 'index.ts'))});
    const second = await import(${second});
    const fake = { name: 'fake', upload: () => null, release() {}, run: () => null };
    const said = (fn) => { try { fn(); lines.push('nothing'); } catch (e) { lines.push(e.name + ': ' + e.message); } };
    ${script}
    process.stdout.write(JSON.stringify({ lines, warnings }));`;
  const out = execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', text], {
    cwd: source,
    encoding: 'utf8',
  });
  return JSON.parse(out) as { lines: unknown[]; warnings: string[] };
}

test('the version is that of package.json', () => {
  const manifest: unknown = JSON.parse(readFileSync(join(source, '..', 'package.json'), 'utf8'));
  expect(manifest).toMatchObject({ version });
});

test('a second copy warns once, and what one makes the other refuses by name', () => {
  const { lines, warnings } = run(
    JSON.stringify(pathToFileURL(join(other, 'src', 'index.ts')).href),
    `
    first.setDefaultBackend(fake);
    const ours = first.tensor([1]);
    said(() => second.tensor([1]));
    second.setDefaultBackend(fake);
    const theirs = second.tensor([1]);
    said(() => first.relu(theirs));
    said(() => ours.add(theirs));
    said(() => second.grad((x) => x.sum())(ours));
    class Net extends first.Module { layer = new second.Linear(2, 2); }
    said(() => new Net().parameters());
    said(() => new first.Sequential([new second.ReLU()]));
    said(() => first.transfer(new second.Sequential([new second.Linear(2, 2)]), { classes: ['a', 'b'], sampleShape: [2] }));
    const parts = { first: first.tensor([1]), second: theirs };
    said(() => first.scope(() => parts));`,
  );
  const both = `two copies of @graftjs/core are loaded, ${version} (${join(source, '..')}) and 0.0.9 (${other}); let all packages take the same one: 'npm dedupe', after 'npm ls @graftjs/core' has shown who asks for which version`;
  expect(warnings).toEqual([`Graft: ${both}`]);
  expect(lines).toEqual([
    `StateError: no default backend: ${both}`,
    ...Array.from({ length: 7 }, () => `StateError: this was made by another copy of @graftjs/core: ${both}`),
  ]);
});

test('the same copy under another address is no news, until the two meet', () => {
  const again = JSON.stringify(`${pathToFileURL(join(source, 'copies.ts')).href}?again`);
  const { lines, warnings } = run(
    again,
    `
    class Theirs {}
    second.mark(Theirs.prototype);
    said(() => first.isTensor(new Theirs()));`,
  );
  expect(warnings).toEqual([]);
  expect(lines).toEqual([
    `StateError: this was made by another copy of @graftjs/core: @graftjs/core ${version} (${join(source, '..')}) is loaded twice: import it under one address, or bundle it once`,
  ]);
});
