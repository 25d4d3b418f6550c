import { FormatError } from '../errors.ts';
import type { ElementType } from '../graph/element.ts';
import type { HostArray } from '../graph/host-array.ts';
import { Lowering, Unsupported, type Value } from '../graph/lowering.ts';
import { asNumber } from '../graph/translations.ts';
import type { TfNode } from './node.ts';
import type { TfjsWeight } from './weights.ts';

/** Says one TensorFlow node in the graph's operations. */
export type Translation = (node: TfNode, to: TfLowering) => void;

/** Slashes become dots. */
export const dotted = (name: string): string => name.replaceAll('/', '.');

/** Collects the graph while TensorFlow nodes are translated into it, under their names as dotted paths. */
export class TfLowering extends Lowering {
  bindWeight(name: string, { dtype, shape, data }: TfjsWeight): void {
    const array = { dtype, shape, values: data };
    this.bindConstant(name, { kind: 'constant', array, source: null, element: dtype });
  }

  override value(name: string): Value | 'missing' {
    if (!this.has(name)) throw new Unsupported(`'${name}', a further output of its node`);
    return super.value(name);
  }
  protected override outputName(v: Value, name: string): string {
    if (v.kind === 'constant') throw new FormatError(`the output '${name}' is a constant`);
    return super.outputName(v, name);
  }

  /** A constant of float32. */
  float(i: number): HostArray {
    const array = this.constant(i);
    if (!(array.values instanceof Float32Array))
      throw new Unsupported(`input ${i} is ${array.dtype}, not float32`);
    return array;
  }
  /** Integers of a constant input. */
  list(i: number): number[] {
    return Array.from(this.constant(i).values);
  }
  one(i: number): number {
    const v = this.scalar(i);
    if (v === undefined) throw new FormatError(`input ${i} is left out`);
    return v;
  }
  /** An input, a constant of one element as a number. */
  operand(i: number): Value {
    return asNumber(this.input(i));
  }
}

/** TensorFlow's types, by their numbers and names. (tensorflow/core/framework/types.proto) */
const TYPES: readonly (readonly [code: number, name: string, element: ElementType])[] = [
  [1, 'DT_FLOAT', 'float32'],
  [2, 'DT_DOUBLE', 'float32'],
  [3, 'DT_INT32', 'int32'],
  [4, 'DT_UINT8', 'uint8'],
  [5, 'DT_INT16', 'int16'],
  [6, 'DT_INT8', 'int8'],
  [9, 'DT_INT64', 'int32'],
  [10, 'DT_BOOL', 'bool'],
  [14, 'DT_BFLOAT16', 'float32'],
  [17, 'DT_UINT16', 'uint16'],
  [19, 'DT_HALF', 'float32'],
];
/** The type that an attribute names, either way; undefined for what Graft does not compute in. */
export const typeOf = (value: unknown): ElementType | undefined =>
  TYPES.find(([code, name]) => value === code || value === name)?.[2];
