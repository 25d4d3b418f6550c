export { loadBase, type LoadBaseOptions } from './base.ts';
export { cacheFolder, download, type DownloadOptions } from './download.ts';
export { loadModelFile, saveModelFile, writeFileAtomically } from './files.ts';
