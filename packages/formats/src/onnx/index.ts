export { exportOnnx, ONNX_METADATA, type OnnxExportOptions } from './export/export.ts';
export type { ReadExternal } from './external.ts';
export { importOnnx, type OnnxImportOptions, type OnnxNetwork } from './import.ts';
export { graphOfModel, readOnnx, type OnnxImport, type OnnxInput, type OnnxReadOptions } from './read.ts';
