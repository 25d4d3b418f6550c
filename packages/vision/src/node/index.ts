export { decodeImage, type DecodeOptions, type FileUrl } from './decode.ts';
export { encodePng, thumbnail, thumbnailUri } from './encode.ts';
export { EXTENSIONS, FORMATS, type ImageFormat } from '../format.ts';
export { imageFolder, type ImageFolder, type ImageFolderOptions, type SkippedFile } from './image-folder.ts';
export type { Remark } from './remarks.ts';
