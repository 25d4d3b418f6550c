/**
 * Compiles `assembly/` with AssemblyScript and writes the module to `src/kernels.wasm` and, deflated and as
 * base64, to `src/kernels.generated.ts`; the names of what it exports to `src/kernel-names.generated.ts`; and
 * two more builds for particular hosts. Runs after every install and as part of the
 * build; the same sources always give the same bytes. `--text` prints the module's
 * text form, for reading what the compiler made of a loop.
 */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { deflateRawSync } from 'node:zlib';
import asc from 'assemblyscript/asc';

const root = new URL('..', import.meta.url);

await build('kernels', {});
// Fused multiply-add where the processor has it: see assembly/madd.ts.
await build('kernels-relaxed', { features: ['--enable', 'relaxed-simd'] });
// For a V8 that revectorizes: see assembly/gemm-paired.ts.
await build('kernels-paired', { paired: true });

async function build(name, { features = [], paired = false }) {
  const constants = `export const PAIRED: bool = ${paired};`;
  const files = new Map();
  const { error, stderr } = await asc.main(
    [
      'assembly/index.ts',
      ...['--outFile', 'kernels.wasm', '--textFile', 'kernels.wat'],
      ...['--runtime', 'stub', '--noAssert', '--use', 'abort='],
      ...['--importMemory', '--sharedMemory', '--initialMemory', '2', '--maximumMemory', '65536'],
      // After -O3: locals numbered anew, by how often they occur, so that the file packs better. It changes no instruction.
      ...['--runPasses', 'coalesce-locals,reorder-locals,vacuum'],
      ...['--enable', 'simd', '--enable', 'threads', ...features, '--disableWarning', 'AS112', '-O3'],
    ],
    {
      readFile: (file, base) =>
        file === 'assembly/build.ts'
          ? constants
          : readFile(new URL(file, new URL(`${base}/`, root)), 'utf8').catch(() => null),
      writeFile: (file, data) => void files.set(file, data),
      listFiles: () => [],
    },
  );
  if (error) {
    console.error(stderr.toString());
    console.error(`${fileURLToPath(root)}assembly: ${error.message}`);
    process.exit(1);
  }
  if (process.argv.includes('--text') && name === 'kernels') console.log(files.get('kernels.wat'));
  const wasm = files.get('kernels.wasm');
  const script = `// Written by scripts/build-wasm.mjs from assembly/: ${wasm.length} bytes of WebAssembly, deflated.
export const KERNELS: string =
  '${deflateRawSync(wasm, { level: 9 }).toString('base64')}';
`;
  await put(`${name}.wasm`, wasm);
  await put(`${name}.generated.ts`, script);
  if (name === 'kernels') {
    const names = WebAssembly.Module.exports(new WebAssembly.Module(wasm)).map((e) => `  | '${e.name}'`);
    const type = `// Written by scripts/build-wasm.mjs: what assembly/index.ts exports.
export type KernelName =
${names.sort().join('\n')};
`;
    await put('kernel-names.generated.ts', type);
  }
}

/** Writes a file of `src/` if it is not the same already; whole or not at all, for tests may be reading it. */
async function put(name, content) {
  const target = new URL(`../src/${name}`, import.meta.url);
  const bytes = Buffer.from(content);
  const before = await readFile(target).catch(() => null);
  if (before?.equals(bytes)) return;
  const part = new URL(`../src/${name}.${process.pid}`, import.meta.url);
  await writeFile(part, bytes);
  await rename(part, target);
}
