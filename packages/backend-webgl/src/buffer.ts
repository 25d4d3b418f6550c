import type { KernelError, TensorSpec } from '@graftjs/core/backend';
import type { Texture } from './textures.ts';

/** Something that can only be known when the device has computed it: whether indices were inside. */
export interface Check {
  readonly flag: Texture;
  /** What to throw if the flag is set. */
  readonly error: KernelError;
  /** The answer, once it is there. */
  failed: boolean | undefined;
}

/** A tensor on the device. */
export class GlBuffer {
  readonly texture: Texture;
  readonly spec: TensorSpec;
  /** Checks that this tensor's numbers depend on. */
  readonly checks: ReadonlySet<Check>;
  /** Smallest and largest element, where they are known without asking the device: of uploaded int32. */
  readonly range: readonly [number, number] | undefined;
  /** Other forms of it that go with it, such as packed weights. */
  readonly derived: Map<string, Texture> = new Map();
  released = false;
  constructor(
    texture: Texture,
    spec: TensorSpec,
    checks: ReadonlySet<Check>,
    range?: readonly [number, number],
  ) {
    this.texture = texture;
    this.spec = spec;
    this.checks = checks;
    this.range = range;
  }
}
