export { loadBase, type LoadBaseOptions } from './base.ts';
export { download, type DownloadOptions, type UrlLike } from './download.ts';
export { loadModelFile, loadWeightsFile, saveModelFile, saveWeightsFile } from './files.ts';
