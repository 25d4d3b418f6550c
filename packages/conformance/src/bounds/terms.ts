import { gamma, ORACLE_ERROR, sumsExactly, ulp, type ErrorModel } from './model.ts';

/** What a bound on a sum needs to know about each output's terms. */
export class Terms {
  /** S: the terms' absolute values, added up. */
  readonly size: Float64Array;
  /** What the errors of the operands can make of the exact sum. */
  readonly moved: Float64Array;
  readonly count: Uint32Array;
  constructor(outputs: number) {
    this.size = new Float64Array(outputs);
    this.moved = new Float64Array(outputs);
    this.count = new Uint32Array(outputs);
  }

  add(output: number, size: number, moved: number): void {
    this.size[output] += size;
    this.moved[output] += moved;
    this.count[output]++;
  }

  /**
   * |y − y64| ≤ moved + γ(k)·(S + moved) + n·ulp(0): each of the n terms goes through at most k roundings, and each
   * product and each sum may underflow. Sums of multiples of `grain` that stay small are exact.
   */
  bound(model: ErrorModel, output: number, roundings: number, grain: number): number {
    const [size, moved, n] = [this.size[output], this.moved[output], this.count[output]];
    if (moved === 0 && sumsExactly(model, size, grain)) return 0;
    const oracle = (n + 1) * ORACLE_ERROR * size;
    return moved + gamma(model, roundings) * (size + moved) + n * ulp(model, 0) + oracle;
  }

  bounds(model: ErrorModel, roundings: (output: number) => number, grain: number): Float64Array {
    return this.size.map((_, o) => this.bound(model, o, roundings(o), grain));
  }
}
