import { createOnnxBackend } from '@graftjs/backend-onnx';
import type { Feature, BackendVariant } from './backend-entry.ts';

const NATIVE = 'onnxruntime-node';

/** The module of the native ONNX Runtime, or why it is not used. */
export type NativeOrt = { readonly ort: unknown } | { readonly reason: string };

/** It is no dependency, for it is large and there is one in WebAssembly; where it is installed, it is taken. */
export async function importNativeOrt(
  load: () => Promise<unknown> = () => import('onnxruntime-node'),
): Promise<NativeOrt> {
  try {
    return { ort: await load() };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const missing = code === 'ERR_MODULE_NOT_FOUND' && message.includes(`'${NATIVE}'`);
    return { reason: missing ? 'is not installed' : `cannot be loaded (${message.split('\n')[0]})` };
  }
}

/** What `graft backends` tells of it. */
export function nativeFeature(native: NativeOrt): Feature {
  return 'ort' in native
    ? { name: NATIVE, here: true, note: 'native code does the work' }
    : { name: NATIVE, here: false, note: `${native.reason}; onnxruntime-web does the work, in WebAssembly` };
}

/** ONNX Runtime: the native one if it is there, else the one in WebAssembly, and a note that says so. */
export async function openOnnxBackend(native: NativeOrt, threads: number | null): Promise<BackendVariant> {
  const backend = await createOnnxBackend({
    ...(threads === null ? {} : { threads }),
    ...('ort' in native ? { ort: native.ort } : {}),
  });
  const note =
    'ort' in native
      ? []
      : [
          `'onnx' runs in WebAssembly: ${NATIVE}, several times as fast, ${native.reason}` +
            (native.reason === 'is not installed' ? `; 'npm install ${NATIVE}' installs it` : ''),
        ];
  return Object.assign(backend, {
    notes: [...backend.notes, ...note],
    variant: 'ort' in native ? 'native' : 'web',
  });
}
