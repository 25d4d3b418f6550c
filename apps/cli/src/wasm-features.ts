import type { Feature } from './backend-entry.ts';

/** The part of WebAssembly's API that is used; Node has it without declaring it, or not at all (`node --jitless`). */
interface Host {
  readonly WebAssembly?: { validate(bytes: Uint8Array): boolean };
  readonly SharedArrayBuffer?: unknown;
}

/**
 * Whether the host takes a module whose one function, without parameters, has this body. The binary format:
 * https://webassembly.github.io/spec/core/binary/modules.html
 * @param result the type of the function's result; none if left out.
 */
function validates(body: readonly number[], result?: number): boolean {
  const results = result === undefined ? [0] : [1, result];
  const code = [0, ...body, 0x0b]; // no locals; end
  const module = Uint8Array.of(
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00], // '\0asm', version 1
    ...[1, 3 + results.length, 1, 0x60, 0, ...results], // one type: () → results
    ...[3, 2, 1, 0], // one function of it
    ...[10, 2 + code.length, 1, code.length, ...code],
  );
  return (globalThis as Host).WebAssembly?.validate(module) ?? false;
}

const V128 = 0x7b;
/** `i32.const 0`, `i8x16.splat`: a vector of zeros. */
const ZEROS = [0x41, 0, 0xfd, 0x0f];

/** Whether V8's revectorizer makes the kernels faster: from Node 24 on, whose V8 is 13. */
export const REVECTORIZES: boolean = Number.parseInt(process.versions.v8) >= 13;

/** What this host's WebAssembly has of all that matters to speed. */
export function wasmFeatures(): Feature[] {
  const simd = validates(ZEROS, V128);
  const shared = (globalThis as Host).SharedArrayBuffer !== undefined;
  const threads = shared && validates([0xfe, 0x03, 0x00]); // atomic.fence
  const relaxed = validates([...ZEROS, ...ZEROS, ...ZEROS, 0xfd, 0x85, 0x02], V128); // f32x4.relaxed_madd
  return [
    {
      name: 'SIMD',
      here: simd,
      ...(simd ? {} : { note: 'Node 16.4 and newer have it, but not with --jitless' }),
    },
    { name: 'threads', here: threads },
    {
      name: 'relaxed SIMD',
      here: relaxed,
      note: 'graft does without, so that the bits are the same everywhere; a program may ask for it',
    },
    {
      name: 'revectorizer',
      here: REVECTORIZES,
      note: REVECTORIZES
        ? 'an experiment of V8; used after a check that it leaves every bit alone'
        : 'Node 24 and newer have it',
    },
  ];
}
