/**
 * Scratch space of the dense kernels: a few arrays that grow to the largest size that was ever asked for, and stay.
 * A kernel may get more than it asked for, with old values in it.
 */
export class Workspace {
  readonly #floats = new Map<string, Float64Array>();
  readonly #ints = new Map<string, Int32Array>();

  floats(name: 'rows' | 'columns', size: number): Float64Array {
    let array = this.#floats.get(name);
    if (!array || array.length < size) this.#floats.set(name, (array = new Float64Array(size)));
    return array;
  }

  ints(name: 'offsets' | 'rows' | 'depth', size: number): Int32Array {
    let array = this.#ints.get(name);
    if (!array || array.length < size) this.#ints.set(name, (array = new Int32Array(size)));
    return array;
  }

  clear(): void {
    this.#floats.clear();
    this.#ints.clear();
  }

  get bytes(): number {
    return [...this.#floats.values(), ...this.#ints.values()].reduce((sum, a) => sum + a.byteLength, 0);
  }
}
