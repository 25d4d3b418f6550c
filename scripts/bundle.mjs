// Bundles a program of this workspace from its sources, for tests that start it many times: one that has to compile some 200
// modules of TypeScript first takes seconds of the processor, one that loads a file a fraction of one.
//
// `node scripts/bundle.mjs ENTRY FOLDER` writes FOLDER/main.mjs, and beside it what that imports on demand. Each module
// keeps the address of its source, by which it finds what lies there (`new URL('./kernels.wasm', import.meta.url)`).
import { pathToFileURL } from 'node:url';
import { build } from 'vite';

const [entry, folder] = process.argv.slice(2);
const resolve = { conditions: ['@graftjs/source', 'node', 'module', 'import'] };

await build({
  configFile: false,
  logLevel: 'error',
  plugins: [
    {
      name: 'keep-address',
      transform(code, id) {
        const address = JSON.stringify(pathToFileURL(id.split('?')[0]).href);
        return code.includes('import.meta.url') ? code.replaceAll('import.meta.url', address) : null;
      },
    },
  ],
  resolve,
  ssr: { noExternal: true, resolve },
  build: {
    ssr: entry,
    outDir: folder,
    minify: false,
    rolldownOptions: {
      external: [/^@tensorflow\//, /^onnxruntime/],
      output: { entryFileNames: 'main.mjs' },
    },
  },
});
