/** What few pages need: one part, for a bundler that makes files of two makes more of all that they share. */
export { decodeNamed } from './decode-named.ts';
export { readOnnxModel, readTfjsModel, writeOnnxModel } from './imported-model.ts';
