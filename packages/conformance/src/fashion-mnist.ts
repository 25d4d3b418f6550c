import { ArraySource } from '@graftjs/core';

const CLASSES = [
  'T-shirt',
  'trouser',
  'pullover',
  'dress',
  'coat',
  'sandal',
  'shirt',
  'sneaker',
  'bag',
  'ankle boot',
];

/** Where Debian's package dataset-fashion-mnist (MIT) has it: Xiao, Rasul, Vollgraf (2017), arXiv:1708.07747. */
export const FASHION_MNIST = '/usr/share/datasets/fashion-mnist';

/**
 * The first `count` pictures, `[1, 28, 28]` each, as (v / 255 − 0.286) / 0.353: the training set's mean and deviation.
 * @param read gives the bytes of one of the data set's files
 */
export async function fashionMnist(
  read: (file: string) => Promise<Uint8Array>,
  name: 'train' | 't10k',
  count: number,
): Promise<ArraySource> {
  // IDX: big-endian magic and extents, then bytes.
  const images = (await gunzip(await read(`${name}-images-idx3-ubyte.gz`))).subarray(16);
  const labels = (await gunzip(await read(`${name}-labels-idx1-ubyte.gz`))).subarray(8);
  const values = Float32Array.from(images.subarray(0, count * 784), (v) => (v / 255 - 0.286) / 0.353);
  const id = `fashion-mnist-${name}-${count}`;
  return new ArraySource(values, labels.subarray(0, count), [1, 28, 28], CLASSES, id);
}

async function gunzip(bytes: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([Uint8Array.from(bytes)]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
