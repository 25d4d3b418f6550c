/** What an `.onnx` file holds. Specification: https://github.com/onnx/onnx/blob/main/docs/IR.md */
export interface OnnxModel {
  readonly irVersion: number;
  /** Domain → version of its operator set. '' is ONNX's own domain. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly producerName: string;
  readonly producerVersion: string;
  readonly metadata: ReadonlyMap<string, string>;
  readonly graph: OnnxGraph;
  /** How many functions the model defines for itself; they are counted only. */
  readonly functions: number;
}

export interface OnnxGraph {
  readonly name: string;
  /** In topological order, as the specification demands; a file may not keep to it. */
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxTensor[];
  readonly inputs: readonly OnnxValueInfo[];
  readonly outputs: readonly OnnxValueInfo[];
  readonly valueInfo: readonly OnnxValueInfo[];
}

export interface OnnxNode {
  /** May be empty, and need not be unique. */
  readonly name: string;
  readonly opType: string;
  /** '' is ONNX's own domain. */
  readonly domain: string;
  /** Names of values; '' is an optional input that is left out. */
  readonly inputs: readonly string[];
  /** Names of values; '' is an optional output that is left out. */
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

/** Integers beyond ±2^53 are ±2^63: INT64_MAX, which is common as the end of a slice, stays an end beyond all ends. */
export type OnnxAttribute =
  | { readonly type: 'float'; readonly value: number }
  | { readonly type: 'int'; readonly value: number }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'floats'; readonly value: readonly number[] }
  | { readonly type: 'ints'; readonly value: readonly number[] }
  | { readonly type: 'strings'; readonly value: readonly string[] }
  | { readonly type: 'tensor'; readonly value: OnnxTensor }
  | { readonly type: 'graph'; readonly value: OnnxGraph }
  /** Sparse tensors, types, lists of tensors or graphs: not read. */
  | { readonly type: 'other' };

export type OnnxElement =
  | 'float32'
  | 'uint8'
  | 'int8'
  | 'uint16'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'string'
  | 'bool'
  | 'float16'
  | 'float64'
  | 'uint32'
  | 'uint64'
  | 'complex64'
  | 'complex128'
  | 'bfloat16';

/** Stored values. `valuesOf` decodes them. */
export interface OnnxTensor {
  readonly name: string;
  readonly element: OnnxElement;
  readonly dims: readonly number[];
  /** Row-major and little-endian, of exactly the size that `dims` say; null where they are in another file. Often a view of the file. */
  readonly bytes: Uint8Array | null;
  /** Where the values are if not here. `length` null: up to the end of that file. */
  readonly external: {
    readonly location: string;
    readonly offset: number;
    readonly length: number | null;
  } | null;
  /** The values of a tensor of strings; its `bytes` are empty. */
  readonly strings?: readonly string[];
}

/** An input, an output or a value in between. */
export interface OnnxValueInfo {
  readonly name: string;
  /** Null for what is not a tensor, and for element types of a single digit's precision. */
  readonly element: OnnxElement | null;
  /** Null: rank unknown. A string is a symbolic extent, '' an unknown one. */
  readonly shape: readonly (number | string)[] | null;
}
