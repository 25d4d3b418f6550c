export type { ReadExternal } from './external.ts';
export { graphOfModel, readOnnx, type OnnxImport, type OnnxInput, type OnnxReadOptions } from './read.ts';
