/**
 * Compiles `assembly/` with AssemblyScript and writes the module, as base64, to `src/kernels.generated.ts`. Runs after
 * every install and as part of the build; the same sources always give the same bytes. `--text` prints the module's
 * text form, for reading what the compiler made of a loop.
 */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const root = fileURLToPath(new URL('..', import.meta.url));
const target = new URL('../src/kernels.generated.ts', import.meta.url);
const files = new Map();

const { error, stderr } = await asc.main(
  [
    'assembly/index.ts',
    ...['--outFile', 'kernels.wasm', '--textFile', 'kernels.wat'],
    ...['--runtime', 'stub', '--importMemory', '--noAssert', '--use', 'abort='],
    ...['--enable', 'simd', '--disableWarning', 'AS112', '-O3'],
  ],
  {
    readFile: (name, base) =>
      readFile(new URL(name, new URL(`${base}/`, new URL('..', import.meta.url))), 'utf8').catch(() => null),
    writeFile: (name, data) => void files.set(name, data),
    listFiles: () => [],
  },
);
if (error) {
  console.error(stderr.toString());
  console.error(`${root}assembly: ${error.message}`);
  process.exit(1);
}
if (process.argv.includes('--text')) console.log(files.get('kernels.wat'));

const wasm = files.get('kernels.wasm');
const source = `// Written by scripts/build-wasm.mjs from assembly/: ${wasm.length} bytes of WebAssembly.
export const KERNELS: string =
  '${Buffer.from(wasm).toString('base64')}';
`;
// Whole or not at all: tests may be reading it.
if ((await readFile(target, 'utf8').catch(() => '')) !== source) {
  const part = new URL(`../src/kernels.generated.ts.${process.pid}`, import.meta.url);
  await writeFile(part, source);
  await rename(part, target);
}
