import type { CompareKind, UnaryKind } from '@graftjs/core';
import { UnsupportedError } from '@graftjs/core';
import { KERNELS } from './kernels.generated.ts';

/** All arguments are pointers or 32-bit integers, but for `packLanes`, whose last is a float. */
type Fn = (...args: number[]) => number;

type FloatUnary = Exclude<UnaryKind, 'not'>;
type IntUnary = 'neg' | 'abs' | 'sign' | 'relu';
type FloatBinary = 'add' | 'sub' | 'mul' | 'div' | 'max' | 'min' | 'pow';
type IntBinary = 'add' | 'sub' | 'mul' | 'max' | 'min';
type Order = Exclude<CompareKind, 'greater' | 'greaterEqual'>;
type Element = 'float' | 'int' | 'bool';

/** What the files in `assembly/` export; what each does is said there. */
export type KernelName =
  | `unary_${FloatUnary | 'not'}`
  | `unary_int_${IntUnary}`
  | `binary_${FloatBinary | Order}`
  | `binary_int_${IntBinary | Order}`
  | 'bools'
  | 'select32'
  | 'select8'
  | `cast_${'float_int' | 'int_float' | 'bool_int' | 'bool_float' | 'float_bool' | 'int_bool'}`
  | 'fill32'
  | 'fill8'
  | 'allFinite'
  | 'copy32'
  | 'copy8'
  | 'badIndex'
  | 'gather'
  | 'scatterAdd_float'
  | 'scatterAdd_int'
  | 'sumRows'
  | 'sumLanes'
  | 'sum_int'
  | `max_${Element}`
  | `argmax_${Element}`
  | 'multiply'
  | 'packRows'
  | 'packColumns'
  | 'packPatchRows'
  | 'packPatchColumns'
  | 'packAcross'
  | 'locate'
  | 'ramp'
  | 'box'
  | 'packLanes'
  | 'unpackLanes'
  | 'sumTerms'
  | 'dotProducts'
  | 'maxima'
  | 'toMaxima'
  | 'averages'
  | 'spread'
  | 'setThread'
  | 'convDirect'
  | 'convInputGradDirect'
  | 'convWeightGradDirect';

export type Wasm = Readonly<Record<KernelName, Fn>>;

/** The part of the host's WebAssembly that is used; neither the library of ES2023 nor Node's types declare it. */
export interface WasmMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}
interface Host {
  validate(bytes: Uint8Array): boolean;
  Memory: new (limits: { initial: number; maximum: number }) => WasmMemory;
  instantiate(
    bytes: Uint8Array,
    imports: { env: { memory: WasmMemory } },
  ): Promise<{ instance: { exports: unknown } }>;
}

export const PAGE = 65536;

/**
 * Compiles the kernels over a new memory that may grow to `maximum` pages.
 * @throws UnsupportedError where the host has no WebAssembly, or none with SIMD
 */
export async function instantiate(maximum: number): Promise<{ wasm: Wasm; memory: WasmMemory }> {
  const host = (globalThis as { WebAssembly?: Host }).WebAssembly;
  if (!host)
    throw new UnsupportedError("'wasm' needs a host with WebAssembly: use @graftjs/backend-cpu here");
  const bytes = Uint8Array.from(atob(KERNELS), (c) => c.charCodeAt(0));
  if (!host.validate(bytes)) {
    throw new UnsupportedError(
      "'wasm' needs WebAssembly with 128-bit SIMD (Node 16.4, Chrome 91, Firefox 89, Safari 16.4 or newer): use @graftjs/backend-cpu here",
    );
  }
  const memory = new host.Memory({ initial: 2, maximum });
  const { instance } = await host.instantiate(bytes, { env: { memory } });
  return { wasm: instance.exports as Wasm, memory };
}
