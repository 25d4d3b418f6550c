export { decodeImage, type DecodeOptions } from './decode.ts';
