export { decodeImage, type DecodeOptions } from './decode.ts';
export { drawPicture, startCamera, stopCamera } from './page.ts';
