import { UnsupportedError } from '@graftjs/core';
import type { BackendEntry } from './backend-entry.ts';
import { REVECTORIZES, wasmFeatures } from './wasm-features.ts';

/** Every backend that the command knows. A new one is one more entry here. */
export const BACKENDS: readonly BackendEntry[] = [
  {
    name: 'wasm',
    summary: 'WebAssembly SIMD on all processors; the bits of cpu, many times as fast',
    threaded: true,
    bits: 'contract',
    features: wasmFeatures,
    create: async (threads) => {
      const { createWasmBackend } = await import('@graftjs/backend-wasm');
      return createWasmBackend({ ...(threads === null ? {} : { threads }), revectorize: REVECTORIZES });
    },
  },
  {
    name: 'cpu',
    summary: 'plain TypeScript; runs everywhere, the reference for all others',
    threaded: false,
    bits: 'contract',
    create: async () => {
      const { createCpuBackend } = await import('@graftjs/backend-cpu');
      return createCpuBackend();
    },
  },
  {
    name: 'tfjs',
    summary: 'TensorFlow.js (XNNPACK in WebAssembly); rounds in its own way, within bounds',
    threaded: false,
    bits: 'own',
    create: async () => {
      const { createTfjsBackend } = await import('@graftjs/backend-tfjs');
      return createTfjsBackend();
    },
  },
  {
    name: 'onnx',
    summary: 'ONNX Runtime, native where onnxruntime-node is installed; rounds in its own way, within bounds',
    threaded: true,
    bits: 'own',
    features: async () => {
      const { importNativeOrt, nativeFeature } = await import('./onnx-backend.ts');
      return [nativeFeature(await importNativeOrt())];
    },
    create: async (threads) => {
      const { importNativeOrt, openOnnxBackend } = await import('./onnx-backend.ts');
      return openOnnxBackend(await importNativeOrt(), threads);
    },
  },
  {
    name: 'webgl',
    summary: 'the graphics processor, in browsers; rounds in its own way, within bounds',
    threaded: false,
    bits: 'own',
    create: async () => {
      throw new UnsupportedError(
        'Node has no WebGL; use @graftjs/backend-webgl in a page, as apps/samples/browser does',
      );
    },
  },
];

/** A test holds that the model files are the same, so the fastest one it is. */
export const DEFAULT_BACKEND = 'wasm';
