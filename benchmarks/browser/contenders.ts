import { createWasmBackend } from '@graftjs/backend-wasm';
import type { Layout } from '@graftjs/core';
import type { Page } from 'playwright';
import type { Contender } from '../ops/contender.ts';
import { graftContender } from '../ops/graft.ts';
import { remoteContenders } from './remote.ts';

export interface Wanted {
  /** Graft's, in the page: webgl, wasm. */
  readonly backends: readonly string[];
  /** In the page tfjs-webgl, tfjs-wasm, gpu.js; node: wasm in this process. */
  readonly peers: readonly string[];
  /** wasm runs on one thread and on as many. */
  readonly threads: number;
  /** Of Graft's contenders. Default both. */
  readonly layout?: Layout;
}

export const LAYOUTS = ['channels-first', 'channels-last'] as const;

/** wasm in this process: a peer of the same in the page. */
async function wasmInNode(threads: number): Promise<Contender[]> {
  const backend = await createWasmBackend({ threads });
  const name = threads > 1 ? `wasm ×${threads}` : 'wasm';
  return LAYOUTS.map((layout) => {
    const contender = graftContender(name, backend, layout, true);
    return { ...contender, name: 'Node', ours: false, of: contender.name };
  });
}

/** Contenders in the page, and of this process those that they are held against. */
export async function createContenders(
  page: Page,
  { backends, peers, threads, layout }: Wanted,
): Promise<Contender[]> {
  const counts = [...new Set([1, threads])];
  const contenders: Contender[] = [];
  for (const name of [...backends, ...peers.filter((p) => p !== 'node')]) {
    for (const count of name === 'wasm' ? counts : [1])
      contenders.push(...(await remoteContenders(page, name, count)));
  }
  if (peers.includes('node')) for (const count of counts) contenders.push(...(await wasmInNode(count)));
  const isLast = (name: string): boolean => name.endsWith(' last');
  return contenders.filter(
    ({ name, ours, of = ours ? name : undefined }) =>
      layout === undefined || of === undefined || isLast(of) === (layout === 'channels-last'),
  );
}
