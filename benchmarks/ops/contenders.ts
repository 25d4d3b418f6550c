import { createCpuBackend } from '@graftjs/backend-cpu';
import { createOnnxBackend } from '@graftjs/backend-onnx';
import { createWasmBackend, type WasmBackendOptions } from '@graftjs/backend-wasm';
import type { Backend } from '@graftjs/core';
import type { Contender } from './contender.ts';
import { graftContender } from './graft.ts';
import { pytorch } from './peers/pytorch.ts';

export interface Wanted {
  readonly backends: readonly string[];
  readonly peers: readonly string[];
  readonly threads: number;
}

/** Graft's backends by name. */
const BACKENDS: Record<string, (threads: number) => Promise<Contender[]>> = {
  cpu: async () => bothLayouts('cpu', await createCpuBackend(), false),
  wasm: async (threads) => [
    ...bothLayouts('wasm', await createWasmBackend({ threads: 1 }), false),
    ...(threads > 1 ? bothLayouts(`wasm ×${threads}`, await createWasmBackend({ threads }), true) : []),
  ],
  // From Node 24 on. V8's flag holds for the whole process, so the peers are compiled with it, too.
  'wasm-revectorized': (threads) => variant('revectorized', { revectorize: true }, threads),
  // ONNX Runtime; steps are compiled. In WebAssembly, and native; and op by op for comparison.
  onnx: (threads) => onnx(threads, 'onnx'),
  'onnx-eager': (threads) => onnx(threads, 'onnx eager', { eager: true }),
  'onnx-node': (threads) => onnx(threads, 'onnx-node', { native: true }),
  'onnx-node-eager': (threads) => onnx(threads, 'onnx-node eager', { native: true, eager: true }),
  'wasm-relaxed': (threads) => variant('relaxed', { relaxedSimd: true }, threads),
};

async function onnx(
  threads: number,
  name: string,
  { native = false, eager = false } = {},
): Promise<Contender[]> {
  const backend = await createOnnxBackend({
    threads,
    ...(native && { ort: await import('onnxruntime-node') }),
  });
  const { compile: _, ...opByOp } = backend;
  const title = threads > 1 ? `${name} ×${threads}` : name;
  return bothLayouts(title, eager ? opByOp : backend, threads > 1);
}

/** A setting of wasm on one thread and, if asked for, on more. @throws Error where the host does not have it */
async function variant(name: string, options: WasmBackendOptions, threads: number): Promise<Contender[]> {
  const contenders: Contender[] = [];
  for (const count of new Set([1, threads])) {
    const backend = await createWasmBackend({ ...options, threads: count });
    if (backend.notes.length) throw new Error(backend.notes.join('; '));
    const title = `wasm ${name}${count > 1 ? ` ×${count}` : ''}`;
    contenders.push(...bothLayouts(title, backend, count > 1));
  }
  return contenders;
}

const bothLayouts = (name: string, backend: Backend, parallel: boolean): Contender[] =>
  (['channels-first', 'channels-last'] as const).map((layout) =>
    graftContender(name, backend, layout, parallel),
  );

/** Others' libraries by name; each is loaded only when it is wanted. PyTorch comes with --pytorch, as it is no npm package. */
const PEERS: Record<string, (threads: number) => Promise<Contender>> = {
  'tfjs-wasm': async () => (await import('./peers/tfjs.ts')).tfjs('wasm'),
  'tfjs-cpu': async () => (await import('./peers/tfjs.ts')).tfjs('cpu'),
  'onnxruntime-web': async (n) => (await import('./peers/onnxruntime.ts')).onnxruntime('onnxruntime-web', n),
  'onnxruntime-node': async (n) =>
    (await import('./peers/onnxruntime.ts')).onnxruntime('onnxruntime-node', n),
  'jax-js': async () => (await import('./peers/jax.ts')).jaxJs(),
};

export const backendNames: readonly string[] = Object.keys(BACKENDS);
export const peerNames: readonly string[] = Object.keys(PEERS);

/** Makes the contenders that are wanted. What cannot run here is left out, with the reason in `missing`. */
export async function createContenders({
  backends,
  peers,
  threads,
}: Wanted): Promise<{ contenders: Contender[]; missing: string[] }> {
  const contenders: Contender[] = [];
  const missing: string[] = [];
  for (const name of backends) contenders.push(...(await known(BACKENDS, name)(threads)));
  for (const name of peers) {
    if (name === 'pytorch') {
      const peer = pytorch(Math.max(threads, 2));
      if (peer) contenders.push(peer);
      else missing.push('PyTorch: /usr/bin/python3 has no torch and torchvision.');
      continue;
    }
    try {
      contenders.push(await known(PEERS, name)(threads));
    } catch (error) {
      missing.push(`${name} does not run here: ${(error as Error).message}`);
    }
  }
  return { contenders, missing };
}

function known<T>(table: Record<string, T>, name: string): T {
  const found = table[name];
  if (found === undefined) throw new Error(`'${name}' is none of ${Object.keys(table).join(', ')}`);
  return found;
}
