/** The readers of whole networks, by themselves: who needs them on demand only imports this entry on demand. */
export {
  exportOnnx,
  importOnnx,
  ONNX_METADATA,
  type OnnxImportOptions,
  type OnnxNetwork,
} from './onnx/index.ts';
export { importTfjs, type TfjsImportOptions, type TfjsNetwork } from './tfjs/network.ts';
export type { InputRange } from './graph/input-range.ts';
export type { Network, NetworkInput } from './graph/network.ts';
