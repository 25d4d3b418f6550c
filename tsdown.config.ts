import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { defineConfig } from 'tsdown';

// Every package builds with this file (`tsdown --config ../../tsdown.config.ts`, run in the package's folder).
// What to build is read from its package.json: dist/x.js, as an export or a command, comes from src/x.ts.
const { publishConfig, bin = {} } = JSON.parse(readFileSync('package.json', 'utf8'));
const outputs: string[] = [
  ...Object.values<string>(bin),
  // An export that is one path is a file to take as it is.
  ...Object.values<string | { default: string }>(publishConfig.exports ?? {}).flatMap((entry) =>
    typeof entry === 'string' ? [] : [entry.default],
  ),
];

/**
 * Which of TypeScript's libraries a declaration file wants besides ES2023. The file says so itself, so that it also compiles
 * in a strict project that names others or none (`lib`, `types: []`, `skipLibCheck: false`).
 */
const libraries = { 'esnext.disposable': /\bSymbol\.dispose\b/, dom: /: (Blob|WebGL\w+)\b/ };
const referLibraries = {
  name: 'refer-libraries',
  renderChunk(code: string, { fileName }: { readonly fileName: string }): { code: string } | null {
    if (!fileName.endsWith('.d.ts')) return null;
    const wanted = Object.entries(libraries).filter(([, use]) => use.test(code));
    return { code: [...wanted.map(([name]) => `/// <reference lib="${name}" />`), code].join('\n') };
  },
};

export default defineConfig({
  cwd: process.cwd(), // without this, tsdown works in the folder of this file
  entry: Object.fromEntries(
    outputs.map((file) => {
      const name = file.replace('./dist/', '').replace(/\.js$/, '');
      return [name, `src/${name}.ts`];
    }),
  ),
  // Files that a script finds by its own URL.
  copy: readdirSync('src')
    .filter((file) => file.endsWith('.wasm'))
    .map((file) => `src/${file}`),
  // Other packages import './import' on demand: file by file, a page's bundler can part it from what it needs at once.
  unbundle: existsSync('src/import.ts'),
  format: 'esm',
  target: 'es2023',
  platform: 'neutral',
  deps: { neverBundle: [/^node:/] },
  dts: { oxc: true },
  plugins: [referLibraries],
  fixedExtension: false,
});
