import {
  type BinaryKind,
  broadcastStrides,
  type CompareKind,
  type DType,
  type Operand,
  type TensorSpec,
  type UnaryKind,
} from '@graftjs/core/backend';
import type { GlBuffer } from './buffer.ts';
import { bitsOf } from './device.ts';
import { ONE, POW, UNARY } from './glsl/math.ts';
import { vectorOf, type GlKernels, type Work } from './kernels.ts';
import { texelCount, texelsOf, type Texture } from './textures.ts';
import { walkOver } from './walk.ts';

const BINARY: Readonly<Record<BinaryKind, string>> = {
  add: 'float f(float a, float b) { return a + b; } int f(int a, int b) { return a + b; }',
  sub: 'float f(float a, float b) { return a - b; } int f(int a, int b) { return a - b; }',
  mul: 'float f(float a, float b) { return a * b; } int f(int a, int b) { return a * b; }',
  div: 'float f(float a, float b) { return a / b; }',
  pow: POW,
  max: `float f(float a, float b) { return isnan(a) ? a : isnan(b) ? b : max(a, b); }
int f(int a, int b) { return max(a, b); }`,
  min: `float f(float a, float b) { return isnan(a) ? a : isnan(b) ? b : min(a, b); }
int f(int a, int b) { return min(a, b); }`,
};

const SIGNS: Readonly<Record<CompareKind, string>> = {
  equal: '==',
  notEqual: '!=',
  less: '<',
  lessEqual: '<=',
  greater: '>',
  greaterEqual: '>=',
};

/** A comparison with NaN is false, but for `notEqual`. */
function comparison(kind: CompareKind): string {
  const unordered = kind === 'notEqual' ? '1' : '0';
  return `int f(float a, float b) { return isnan(a) || isnan(b) ? ${unordered} : int(a ${SIGNS[kind]} b); }
int f(int a, int b) { return int(a ${SIGNS[kind]} b); }`;
}

/** Towards zero, saturated; NaN to 0. 2147483520 is the largest float32 below 2³¹. */
const TO_INT = `int f(float x) {
  return isnan(x) ? 0 : x >= 2147483648.0 ? 2147483647 : x <= -2147483648.0 ? int(0x80000000u) : int(x);
}`;

const CAST: Readonly<Record<DType, string>> = {
  float32: 'float f(float x) { return x; } float f(int x) { return float(x); }',
  int32: `${TO_INT} int f(int x) { return x; }`,
  bool: 'int f(float x) { return int(isnan(x) || x != 0.0); } int f(int x) { return int(x != 0); }',
};

/** One function on all elements, operands broadcast. */
export function map(
  { device }: Work,
  name: string,
  functions: string,
  inputs: readonly Operand<GlBuffer>[],
  output: TensorSpec,
): Texture {
  const y = device.take(output);
  const names = inputs.map((_, i) => 'abc'[i]!);
  const walk = walkOver(
    output.shape,
    inputs.map(({ buffer, spec }, i) => ({
      name: names[i]!,
      texture: buffer.texture,
      strides: broadcastStrides(spec.shape, output.shape.length),
    })),
  );
  const at = (k: string): string => `f(${names.map((n) => `${n}.${k}`).join(', ')})`;
  device.draw({
    key: `${name} ${walk.key}`,
    inputs: walk.inputs,
    ints: functions.includes('ONE') ? { ...walk.ints, one_bits: bitsOf(1) } : walk.ints,
    functions: ONE + functions,
    body: () => `${walk.body}\ny0 = ${vectorOf(texelsOf[output.dtype])}(${[...'xyzw'].map(at).join(', ')});`,
    outputs: [y],
    count: texelCount(output),
  });
  return y;
}

type Elementwise = 'unary' | 'binary' | 'compare' | 'select' | 'cast';

export const elementwise: Pick<GlKernels, Elementwise> = {
  unary: (work, inputs, { kind }, output) => map(work, kind, UNARY[kind as UnaryKind], inputs, output),
  binary: (work, inputs, { kind }, output) => map(work, kind, BINARY[kind], inputs, output),
  compare: (work, inputs, { kind }, output) => map(work, kind, comparison(kind), inputs, output),
  select: (work, inputs, _, output) =>
    map(
      work,
      'select',
      `float f(int c, float a, float b) { return c != 0 ? a : b; }
int f(int c, int a, int b) { return c != 0 ? a : b; }`,
      inputs,
      output,
    ),
  cast: (work, inputs, { dtype }, output) => map(work, `cast ${dtype}`, CAST[dtype], inputs, output),
};
