import type { Target } from '@graftjs/conformance';
import { createWasmBackend } from '../src/index.ts';

export const target: Target = {
  name: 'wasm',
  create: () => createWasmBackend(),
  bitExact: true,
  variants: { 'in 64 MiB': () => createWasmBackend({ maxBytes: 64 * 1024 * 1024 }) },
};
