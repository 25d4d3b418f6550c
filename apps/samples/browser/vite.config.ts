import { defaultClientConditions, defineConfig, type Plugin } from 'vite';

/** The page and its workers ask no other host for anything. `blob:` is for the threads of backend-wasm. */
const csp =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; connect-src 'self'; " +
  "style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'";

const headers = {
  'Content-Security-Policy': csp,
  // With these two, threads may share memory; without, there is one thread.
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/** In the page as well, for servers whose headers cannot be set; its worker has a policy from a header only. */
const cspInPage: Plugin = {
  name: 'csp-in-page',
  apply: 'build',
  transformIndexHtml: () => [
    {
      tag: 'meta',
      attrs: { 'http-equiv': 'Content-Security-Policy', content: csp },
      injectTo: 'head-prepend',
    },
  ],
};

export default defineConfig({
  base: './',
  plugins: [cspInPage],
  resolve: {
    conditions: [
      '@graftjs/source', // the packages' sources, in a clone; packages from npm have none
      'onnxruntime-web-use-extern-wasm', // its files are where `?url` says
      ...defaultClientConditions,
    ],
  },
  optimizeDeps: { exclude: ['onnxruntime-web'] },
  worker: { format: 'es' },
  build: { target: 'esnext', assetsInlineLimit: 0 },
  server: { headers },
  preview: { headers },
});
