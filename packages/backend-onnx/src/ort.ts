/*
 * What onnxruntime-web and onnxruntime-node have in common, as far as it is used here. Their own declarations differ in
 * details, and neither need be installed to compile against this.
 */

export type OrtData = Float32Array | Int32Array | Uint8Array;
type OrtType = 'float32' | 'int32' | 'bool';

export interface OrtTensor {
  readonly data: unknown;
  readonly dims: readonly number[];
  dispose?(): void;
}

export interface OrtSession {
  run(
    feeds: Record<string, OrtTensor>,
    fetches: Record<string, OrtTensor | null>,
  ): Promise<Record<string, OrtTensor>>;
  release(): Promise<void>;
}

/** onnxruntime's session options, those that are set here. */
export interface OrtSessionOptions {
  executionProviders?: string[];
  intraOpNumThreads?: number;
  interOpNumThreads?: number;
  graphOptimizationLevel?: 'disabled' | 'basic' | 'extended' | 'layout' | 'all';
  enableCpuMemArena?: boolean;
  enableMemPattern?: boolean;
  executionMode?: 'sequential' | 'parallel';
  logSeverityLevel?: 0 | 1 | 2 | 3 | 4;
  enableProfiling?: boolean;
  profileFilePrefix?: string;
  extra?: Record<string, unknown>;
}

/** The module `onnxruntime-web` or `onnxruntime-node`. */
export interface OrtModule {
  readonly InferenceSession: {
    create(model: Uint8Array, options?: OrtSessionOptions): Promise<OrtSession>;
  };
  readonly Tensor: new (type: OrtType, data: OrtData, dims: readonly number[]) => OrtTensor;
  readonly env: { readonly wasm: { numThreads?: number | undefined; wasmPaths?: unknown } };
  /** onnxruntime-node has it, onnxruntime-web has not. */
  readonly listSupportedBackends?: () => readonly { readonly name: string }[];
}
