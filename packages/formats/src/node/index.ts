/** Files on disk, whole or not at all: what the packages that read and write them in Node have in common. */
export {
  cacheFolder,
  createEmptyFile,
  fileError,
  fileReason,
  readBeginning,
  readBytes,
  writeFileAtomically,
  type FileContent,
  type WriteOptions,
} from './files.ts';
