import { GraftError } from '@graftjs/core';

/** A file that is no usable picture. The message is one line: the file, what is wrong with it, what to do. */
export class ImageError extends GraftError {
  override name = 'ImageError';
  constructor(
    /** Path of the file, or what the caller named it. */
    readonly file: string,
    /** What is wrong and what to do, without the file. */
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(`${file}: ${reason}`, options);
  }
}

/** A folder or a list of pictures that cannot be trained on; the message says what is wrong and what to do. */
export class DatasetError extends GraftError {
  override name = 'DatasetError';
}
