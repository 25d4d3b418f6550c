export { loadBase, type LoadBaseOptions } from './base.ts';
export { cacheFolder, download, type DownloadOptions, type UrlLike } from './download.ts';
export {
  loadModelFile,
  loadWeightsFile,
  saveModelFile,
  saveWeightsFile,
  writeFileAtomically,
} from './files.ts';
