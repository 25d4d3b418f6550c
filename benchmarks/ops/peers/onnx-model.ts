/**
 * Models of one node in the ONNX format, as far as the benchmarks need it. A message of protocol buffers is a list of
 * fields: a tag (number · 8 + wire type), then a varint (type 0) or a length and bytes (type 2).
 * Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 */
type Bytes = readonly number[] | Uint8Array;

function varint(n: number): number[] {
  const out: number[] = [];
  while (n > 127) {
    out.push((n % 128) | 128);
    n = Math.floor(n / 128);
  }
  return [...out, n];
}

function concat(parts: readonly Bytes[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) {
    out.set(p, at);
    at += p.length;
  }
  return out;
}

const integer = (field: number, value: number): number[] => [...varint(field * 8), ...varint(value)];
const bytes = (field: number, value: Bytes): Uint8Array =>
  concat([varint(field * 8 + 2), varint(value.length), value]);
const message = (field: number, parts: readonly Bytes[]): Uint8Array => bytes(field, concat(parts));
const text = (field: number, value: string): Uint8Array => bytes(field, new TextEncoder().encode(value));

export interface OnnxTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** Makes it a constant of the model. */
  readonly values?: Float32Array | BigInt64Array;
}

export interface OnnxNode {
  readonly op: string;
  readonly inputs: readonly OnnxTensor[];
  readonly output: OnnxTensor;
  readonly attributes?: Readonly<Record<string, number | readonly number[]>>;
}

const [FLOAT, INT64] = [1, 7];

function valueInfo(field: number, { name, shape }: OnnxTensor): Uint8Array {
  const dims = shape.map((d) => message(1, [integer(1, d)]));
  return message(field, [text(1, name), message(2, [message(1, [integer(1, FLOAT), message(2, dims)])])]);
}

function initializer({ name, shape, values }: OnnxTensor): Uint8Array {
  const raw = new Uint8Array(values!.buffer, values!.byteOffset, values!.byteLength);
  const type = values instanceof BigInt64Array ? INT64 : FLOAT;
  return message(5, [...shape.map((d) => integer(1, d)), integer(2, type), text(8, name), bytes(9, raw)]);
}

function attribute(name: string, value: number | readonly number[]): Uint8Array {
  const [INT, INTS] = [2, 7];
  return message(5, [
    text(1, name),
    ...(typeof value === 'number'
      ? [integer(3, value), integer(20, INT)]
      : [...value.map((v) => integer(8, v)), integer(20, INTS)]),
  ]);
}

/** A model (opset 13) of float32 tensors and one node; inputs with values are constants, which runtimes may pack ahead. */
export function onnxModel({ op, inputs, output, attributes = {} }: OnnxNode): Uint8Array {
  const node = message(1, [
    ...inputs.map(({ name }) => text(1, name)),
    text(2, output.name),
    text(4, op),
    ...Object.entries(attributes).map(([name, value]) => attribute(name, value)),
  ]);
  const graph = message(7, [
    node,
    text(2, op),
    ...inputs.filter((i) => i.values).map(initializer),
    ...inputs.filter((i) => !i.values).map((i) => valueInfo(11, i)),
    valueInfo(12, output),
  ]);
  return concat([integer(1, 8), graph, message(8, [integer(2, 13)])]);
}
