import { setFlagsFromString } from 'node:v8';
import type { Task } from './task.ts';

/**
 * How fast WebAssembly's SIMD can multiply and add in registers alone: the roof over every float32 kernel that rounds
 * products and sums on their own, as Wasm without relaxed SIMD does. A loop over chains acc ← acc · c + c, four lanes each.
 *
 * A product and the sum after it take 3 + 3 cycles and the processor begins two of each per cycle (Zen 2; others are
 * alike), so that it takes 12 independent chains to keep it busy; with fewer, latency is measured. 14 and the constant
 * fill the 15 registers that V8 gives out. Every chain starts at another value, so that no two of them are the same
 * expression, and nothing in the loop is constant; c = ½ leads all of them to 1, and no number becomes subnormal.
 */
const CHAINS = 14;

/** Unsigned LEB128. */
function leb(n: number): number[] {
  const out: number[] = [];
  do {
    const low = n & 127;
    n >>>= 7;
    out.push(n ? low | 128 : low);
  } while (n);
  return out;
}
const vector = (items: readonly number[][]): number[] => [...leb(items.length), ...items.flat()];
const section = (id: number, body: number[]): number[] => [id, ...leb(body.length), ...body];
const f32 = (x: number): number[] => [0x43, ...new Uint8Array(new Float32Array([x]).buffer)];
const simd = (op: number): number[] => [0xfd, ...leb(op)];

const [I32, F32, V128] = [0x7f, 0x7d, 0x7b];
const [GET, SET] = [0x20, 0x21];
const [SPLAT, LANE, ADD, MUL] = [0x13, 0x1f, 0xe4, 0xe6].map(simd) as [
  number[],
  number[],
  number[],
  number[],
];

/** `run(turns: i32): f32`, in WebAssembly's binary format. https://webassembly.github.io/spec/core/binary/ */
function module(): Uint8Array<ArrayBuffer> {
  const turns = 0;
  const c = 1;
  const acc = Array.from({ length: CHAINS }, (_, i) => 2 + i);
  const step = acc.flatMap((a) => [GET, a, GET, c, ...MUL, GET, c, ...ADD, SET, a]);
  const code = [
    ...vector([[...leb(1 + CHAINS), V128]]),
    ...[...f32(0.5), ...SPLAT, SET, c],
    ...acc.flatMap((a) => [...f32(a / 16), ...SPLAT, SET, a]),
    ...[0x03, 0x40], // loop
    ...step,
    ...[GET, turns, 0x41, 1, 0x6b, 0x22, turns, 0x0d, 0, 0x0b], // branch back while --turns
    ...acc.flatMap((a, i) => [GET, a, ...(i ? ADD : [])]),
    ...[...LANE, 0, 0x0b],
  ];
  const name = [...new TextEncoder().encode('run')];
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, vector([[0x60, ...vector([[I32]]), ...vector([[F32]])]])),
    ...section(3, vector([[0]])),
    ...section(7, vector([[...leb(name.length), ...name, 0, 0]])),
    ...section(10, vector([[...leb(code.length), ...code]])),
  ]);
}

const TURNS = 50_000;
/** Multiplications and additions of one run. */
export const PEAK_FLOPS = TURNS * CHAINS * 2 * 4;

/** The loop as a task, to be measured in turn with the others. */
export async function peakTask(): Promise<Task> {
  // At once by the optimizing compiler: otherwise V8 starts with plain code, and replaces it some time later.
  setFlagsFromString('--no-liftoff');
  const { instance } = await WebAssembly.instantiate(module());
  const run = instance.exports['run'] as (turns: number) => number;
  run(1); // compiles it
  setFlagsFromString('--liftoff');
  if (run(1000) !== CHAINS) throw new Error(`the loop gave ${run(1000)}`);
  return { run: () => void run(TURNS), dispose: () => {} };
}
