import { readFileSync } from 'node:fs';
import { encodeModel } from '@graftjs/onnx-graph';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../errors.ts';
import { importOnnx, readOnnx } from '../onnx/index.ts';
import { readSafetensors, writeSafetensors } from '../safetensors.ts';
import { readTfjsGraphModel } from '../tfjs/read.ts';
import { ROWS } from './kinds.ts';
import { foreignFile, sniffFile, sniffFolder } from './sniff.ts';

const latin = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));
const le16 = (n: number): string => String.fromCharCode(n & 255, n >> 8);
const le32 = (n: number): string => le16(n & 0xffff) + le16(n >>> 16);

/** A zip archive of empty files with these names (stored, no checksums): what a sniffer looks at. */
function zip(names: readonly string[]): Uint8Array {
  let [body, directory] = ['', ''];
  for (const name of names) {
    const at = le32(body.length);
    body += `PK\x03\x04${'\0'.repeat(22)}${le16(name.length)}${le16(0)}${name}`;
    directory += `PK\x01\x02${'\0'.repeat(24)}${le16(name.length)}${'\0'.repeat(12)}${at}${name}`;
  }
  const count = le16(names.length);
  return latin(
    `${body}${directory}PK\x05\x06\0\0\0\0${count}${count}${le32(directory.length)}${le32(body.length)}\0\0`,
  );
}
const onnx = encodeModel({
  irVersion: 8,
  opsets: new Map([['', 17]]),
  producerName: 'pytorch',
  producerVersion: '2.1',
  metadata: new Map(),
  functions: 0,
  graph: { name: 'g', nodes: [], initializers: [], inputs: [], outputs: [], valueInfo: [] },
});

/** id, the bytes, and the name where the bytes do not tell. */
const files: [string, Uint8Array, string?][] = [
  ['empty', new Uint8Array(0)],
  ['lfs-pointer', latin('version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 46827520\n')],
  ['html', latin('\n<!DOCTYPE html>\n<html><head><title>Not found</title>')],
  ['html', latin('<!-- saved from -->\n<html lang="en">')],
  ['jpeg', latin('\xff\xd8\xff\xe0\0\x10JFIF')],
  ['png', latin('\x89PNG\r\n\x1a\n\0\0\0\rIHDR')],
  ['gif', latin('GIF89a\x01\0')],
  ['webp', latin('RIFF\x24\0\0\0WEBPVP8 ')],
  ['avif', latin('\0\0\0\x20ftypavif\0\0\0\0avifmif1')],
  ['heic', latin('\0\0\0\x18ftypheic\0\0\0\0mif1heic')],
  ['video', latin('\0\0\0\x18ftypmp42\0\0\0\0isommp42')],
  ['tiff', latin('II*\0\x08\0\0\0')],
  ['bmp', latin('BM\x46\0\0\0\0\0')],
  ['svg', latin('<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>')],
  ['safetensors', writeSafetensors(new Map([['a', { shape: [1], data: [1] }]]))],
  ['pytorch', zip(['archive/data.pkl', 'archive/byteorder', 'archive/data/0', 'archive/version'])],
  ['torchscript', zip(['net/data.pkl', 'net/code/__torch__.py', 'net/constants.pkl'])],
  ['pytorch-legacy', latin('\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02')],
  ['pickle', latin('\x80\x04\x95\x10\0\0\0\0\0\0\0}\x94.')],
  ['keras', zip(['metadata.json', 'config.json', 'model.weights.h5'])],
  ['teachable-machine', zip(['metadata.json', 'weights.bin', 'model.json'])],
  ['npz', zip(['conv1.npy', 'conv2.npy'])],
  ['saved-model-zip', zip(['m/saved_model.pb', 'm/variables/variables.index'])],
  ['zip', zip(['photos/cat.jpg'])],
  ['hdf5', latin('\x89HDF\r\n\x1a\n\0\0\0\0')],
  ['tflite', latin('\x1c\0\0\0TFL3\x14\0')],
  ['gguf', latin('GGUF\x03\0\0\0')],
  ['npy', latin("\x93NUMPY\x01\0v\0{'descr'")],
  ['onnx', onnx],
  // As tf2onnx and ONNX Runtime write them: ir_version, producer_name, then the graph.
  ['onnx', latin('\x08\x07\x12\x07pytorch\x1a\x061.13.1\x3a\x80\x80\x04\x0a\x05')],
  ['onnx', latin('\x08\x04\x12\x00\x3a\xff\x01')],
  ['saved-model', latin('\x08\x01\x12\x80\x80\x02\x0a\x12\x0a\x00')],
  ['coreml', latin('\x08\x04\x12\x03\x0a\x01\x00\xa2\x1f\x05abcde')],
  ['graph-def', latin('\x0a\x1c\x0a\x05input\x12\x0bPlaceholder\x2a\x04\x0a\x00\x12\x00')],
  ['tfjs-graph', latin('{"format": "graph-model", "modelTopology": {"node": []}, "weightsManifest": []}')],
  ['tfjs-graph', latin('\xef\xbb\xbf{"modelTopology": {"node": []}, "weightsManifest": []}')],
  ['tfjs-layers', latin('{"modelTopology": {"class_name": "Model"}, "weightsManifest": []}')],
  ['tfjs-layers', latin('{"format":"layers-model","generatedBy":"keras v2.11.0"}')],
  ['safetensors-index', latin('{"metadata": {"total_size": 1}, "weight_map": {"a": "b"}}')],
  ['teachable-machine-metadata', latin('{"tfjsVersion":"1.3.1","tmVersion":"2.4.5","labels":["a"]}')],
  ['json', latin('{"architectures": ["ResNetForImageClassification"]}')],
  ['gzip', latin('\x1f\x8b\x08\0')],
  ['tar', latin(`${'a'.repeat(257)}ustar\x0000`)],
  ['archive', latin('7z\xbc\xaf\x27\x1c\0\x04')],
  ['pdf', latin('%PDF-1.7')],
  ['darknet', latin('\0\0\0\0\x02\0\0\0\0\xff'), 'yolov3.weights'],
  ['paddle', latin('\0\xff\x10'), 'a/inference.pdiparams'],
  ['text', latin('hello, world\n')],
  ['text', latin('BMW, Audi and others')],
];

describe('sniffFile', () => {
  it.each(files)('knows %s', (id, bytes, name) => {
    const kind = sniffFile(bytes, name);
    expect(kind?.id).toBe(id);
    expect(kind!.what).toMatch(/^(an?|the|weights) /);
    expect(kind!.advice).not.toMatch(/[.\n]$/);
  });
  it('does not know random bytes', () => {
    expect(sniffFile(latin('\0\x01\x02\x03\x04\x05\x06\x07\x08\xff'))).toBeNull();
  });
  it('takes any beginning of any file, and answers at once', () => {
    for (const [, bytes] of files)
      for (let end = 0; end <= Math.min(bytes.length, 300); end++) sniffFile(bytes.subarray(0, end));
    // Texts that a careless pattern would take hours over.
    const long = 1 << 20;
    const times = ['{"modelTopology"', '<!--', '\n', '<?xml ', '[', '{"format" : "'].map((text) => {
      const start = performance.now();
      sniffFile(latin(text.repeat(long / text.length)));
      return performance.now() - start;
    });
    expect(Math.max(...times)).toBeLessThan(10_000);
  });
  it('a zip archive whose directory lies', () => {
    const bytes = zip(['archive/data.pkl']);
    new DataView(bytes.buffer).setUint32(bytes.length - 6, 0xffffffff, true);
    expect(sniffFile(bytes)?.id).toBe('pytorch'); // by its first entry
    for (let i = 0; i < bytes.length; i++) sniffFile(bytes.map((b, j) => (j === i ? 0xff : b)));
  });
});

it('the README lists every kind, with what is said of it', () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8').replace(/ +/g, ' ');
  for (const { what, advice } of ROWS) {
    expect(readme).toContain(`| ${what} |`);
    expect(readme).toContain(`| ${advice} |`);
  }
});

describe('readers', () => {
  const readers: [string, readonly string[], (bytes: Uint8Array) => unknown][] = [
    ['readSafetensors', ['safetensors'], readSafetensors],
    ['importOnnx', ['onnx'], importOnnx],
    ['readOnnx', ['onnx'], readOnnx],
  ];
  it.each(readers)('%s says of every other kind what it is and what to do', async (_, own, read) => {
    for (const [id, bytes, name] of files) {
      if (own.includes(id) || name !== undefined) continue;
      const error: unknown = await Promise.resolve(bytes)
        .then(read)
        .then(String, (e: unknown) => e);
      expect(error, id).toBeInstanceOf(FormatError);
      const { what, advice } = sniffFile(bytes)!;
      expect((error as Error).message).toBe(
        `this is ${what}, not ${own[0] === 'onnx' ? 'an ONNX model' : 'a safetensors file'}: ${advice}`,
      );
    }
  });
  it('let pass what they read and what nobody knows', () => {
    expect(foreignFile(onnx, ['onnx'], 'an ONNX model')).toBeNull();
    expect(foreignFile(latin('\0\x01'), ['onnx'], 'an ONNX model')).toBeNull();
  });
  it('readTfjsGraphModel takes a layers-model for what it is', () => {
    const layers = { modelTopology: { class_name: 'Sequential', config: [] }, weightsManifest: [] };
    for (const model of [
      layers,
      { ...layers, format: 'layers-model' },
      { modelTopology: { model_config: {} } },
    ])
      expect(() => readTfjsGraphModel(model, [])).toThrow(/this is a layers-model of TensorFlow\.js/);
    expect(() => readTfjsGraphModel({ tmVersion: '2', labels: ['a'] }, [])).toThrow(
      /this is the labels of a Teachable Machine model/,
    );
  });
});

it('sniffFolder tells what a folder is where a file is wanted', () => {
  expect(sniffFolder(['saved_model.pb', 'variables'])?.what).toBe('a TensorFlow SavedModel');
  expect(sniffFolder(['model.json', 'group1-shard1of1.bin'])?.what).toBe('a TensorFlow.js model');
  expect(sniffFolder(['README.md', 'resnet18.onnx'])?.what).toBe("a folder with 'resnet18.onnx' in it");
  expect(sniffFolder(['cats', 'dogs'])).toBeNull();
});
