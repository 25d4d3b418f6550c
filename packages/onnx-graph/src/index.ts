export * from './model.ts';
export { elementOf, elementTypes } from './elements.ts';
export { decodeModel } from './proto/decode.ts';
export { decodeTensor } from './proto/decode-tensor.ts';
export { encodeModel, encodeTensor } from './proto/encode.ts';
export * from './values.ts';
export * from './lower/index.ts';
