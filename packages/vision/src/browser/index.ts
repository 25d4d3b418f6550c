export { decodeImage, type DecodeOptions } from './decode.ts';
export { drawPicture, startCamera } from './page.ts';
