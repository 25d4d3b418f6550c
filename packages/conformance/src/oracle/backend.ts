import { type Backend, type TensorSpec } from '@graftjs/core';
import { referenceKernels } from '../primitives/index.ts';
import { exact, rounded } from './arithmetic.ts';
import { allocate, toInt32, type Arithmetic, type Values } from './values.ts';

/** Takes numbers in, converted to the spec's dtype as the arithmetic sees it. */
export function uploadValues(
  data: ArrayLike<number>,
  spec: TensorSpec,
  number: Arithmetic['number'],
): Values {
  const values = allocate(spec);
  const convert = { float32: number, int32: toInt32, bool: (v: number) => Number(Number(v) !== 0) }[
    spec.dtype
  ];
  for (let i = 0; i < values.length; i++) values[i] = convert(data[i]);
  return values;
}

/** A backend that evaluates the definitions in some arithmetic. */
export function createReference(arithmetic: Arithmetic): Backend<Values> {
  const kernels = referenceKernels(arithmetic);
  return {
    name: arithmetic.name,
    upload: (data, spec) => uploadValues(data, spec, arithmetic.number),
    read: async (values) => values.slice(),
    readSync: (values) => values.slice(),
    release: () => {},
    flush: async () => {},
    dispose: async () => {},
    run: (op, inputs, attrs, output) => kernels[op](inputs, attrs, output),
  };
}

/** Every primitive in float64, from its definition: what results are measured against. */
export function createOracle(): Backend<Values> {
  return createReference(exact);
}

/**
 * The same definitions with every product and sum rounded to float32, in the orders that core's `primitives.ts` states:
 * the bits that a backend must give which claims the contract (`cpu`, `wasm`).
 */
export function createContract(): Backend<Values> {
  return createReference(rounded);
}
