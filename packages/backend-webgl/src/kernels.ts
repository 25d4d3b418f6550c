import type { KernelError, OpAttrs, Operand, OpInputs, OpName, TensorSpec } from '@graftjs/core/backend';
import type { GlBuffer } from './buffer.ts';
import type { Device } from './device.ts';
import type { Texture } from './textures.ts';

/** What a kernel works with. */
export interface Work {
  readonly device: Device;
  /** Textures that are wanted until the kernel returns: given back when it has. */
  scratch(texture: Texture): Texture;
  /** Another form of a tensor that stays as long as it does, such as packed weights. */
  derived(of: GlBuffer, key: string, make: () => Texture): Texture;
  /** If any element of a flag (int) is not 0 when the device has come so far, this tensor's readers get the error. */
  expectZero(flag: Texture, error: KernelError): void;
}

/** Draws a primitive; no output is empty. */
export type GlKernel<N extends OpName> = (
  work: Work,
  inputs: OpInputs<Operand<GlBuffer>>[N],
  attrs: OpAttrs[N],
  output: TensorSpec,
) => Texture;

/** All but `reshape`, which draws nothing. Total on purpose: a missing one does not compile. */
export type GlKernels = { readonly [N in Exclude<OpName, 'reshape'>]: GlKernel<N> };

/** `T` for each of several outputs. */
export type Each<O, T> = { readonly [K in keyof O]: T };

/** The texture of an operand. */
export function textureOf(operand: Operand<GlBuffer>): Texture {
  return operand.buffer.texture;
}

/** GLSL's vector of four for a texture's texels, and its component. */
export function vectorOf(texels: Texture['texels']): 'vec4' | 'ivec4' {
  return texels === 'float' ? 'vec4' : 'ivec4';
}
