import { ascii, hasAt, type Look } from './look.ts';
import { isCoreMl, isGraphDef, isOnnx, isSafetensors, isSavedModel } from './models.ts';

/** What a file is taken for. */
export interface FileKind {
  /** Short, for programs: 'pytorch'. */
  readonly id: string;
  /** In a message, with its article: 'a PyTorch checkpoint'. */
  readonly what: string;
  /** The function that reads it as a model, where there is one. Without: it is not read as a model. */
  readonly reader?: 'readSafetensors' | 'importOnnx' | 'importTfjs';
  /** 'JPEG' and so on, for pictures that `decodeImage` of `@graftjs/vision` reads. */
  readonly picture?: string;
  /** What to do with it where a model is wanted: the end of a sentence. */
  readonly advice: string;
}

interface Row extends FileKind {
  is(file: Look): boolean;
}

const UNPACK = 'unpack it first, and name the file in it';
const PICTURE = 'name the model here, and pictures behind it';
const FROM_KERAS =
  "convert it in Python with 'pip install tf2onnx' and tf2onnx.convert.from_keras(model, output_path='model.onnx')";
const FROM_PYTORCH =
  "in Python, safetensors.torch.save_file(model.state_dict(), 'weights.safetensors') saves the weights and torch.onnx.export(model, example, 'model.onnx') the network";
export const tf2onnx = (option: string): string =>
  `convert it with 'pip install tf2onnx' and python -m tf2onnx.convert ${option} --output model.onnx`;
const AGAIN = 'get the file again, from where it is kept';

type Test = (file: Look) => boolean;
/** The file begins with one of these, a character a byte. */
const magic =
  (...starts: string[]): Test =>
  ({ bytes }) =>
    starts.some((start) => hasAt(bytes, 0, start));
const at =
  (place: number, word: string): Test =>
  ({ bytes }) =>
    hasAt(bytes, place, word);
/** Is it a zip archive with such a name in it? */
const zip =
  (pattern: RegExp): Test =>
  ({ zip: names }) =>
    names.some((name) => pattern.test(name));
/** Patterns must take linear time, however the text is made. */
const text =
  (pattern: RegExp): Test =>
  (file) =>
    pattern.test(file.text ?? '');
const json =
  (...patterns: RegExp[]): Test =>
  (file) =>
    /^\s*[[{]\s*["\]}[{\d-]/.test(file.text ?? '') && patterns.every((p) => p.test(file.text!));
const ending =
  (pattern: RegExp): Test =>
  ({ name }) =>
    pattern.test(name);
const all =
  (...tests: Test[]): Test =>
  (file) =>
    tests.every((test) => test(file));
const any =
  (...tests: Test[]): Test =>
  (file) =>
    tests.some((test) => test(file));
/** Few letters at the start say something only where the rest is no text. */
const binary: Test = (file) => file.text === null;

/** ISO 14496-12, 4.3: a file of boxes and the brands that it follows. */
const brand =
  (...brands: string[]): Test =>
  ({ bytes }) => {
    if (!hasAt(bytes, 4, 'ftyp')) return false;
    const end = Math.min(bytes.length, 64);
    for (let i = 8; i + 4 <= end; i += 4)
      if (brands.length === 0 || brands.includes(ascii(bytes, i, i + 4))) return true;
    return false;
  };

/**
 * Every kind of file that is told apart, by its bytes and, where these do not tell, by its name. The first that fits is
 * it, so the special stand before the general. A format that gets a reader gets its name in its row.
 */
export const ROWS: readonly Row[] = [
  { id: 'empty', what: 'an empty file (0 bytes)', advice: AGAIN, is: ({ bytes }) => bytes.length === 0 },
  {
    id: 'lfs-pointer',
    what: 'a Git LFS pointer, a note of 130 bytes in place of the file',
    advice: "fetch the file itself with 'git lfs pull', or download it from the repository's page",
    is: magic('version https://git-lfs'),
  },
  // Pictures
  { id: 'jpeg', what: 'a JPEG picture', picture: 'JPEG', advice: PICTURE, is: magic('\xff\xd8\xff') },
  { id: 'png', what: 'a PNG picture', picture: 'PNG', advice: PICTURE, is: magic('\x89PNG\r\n\x1a\n') },
  { id: 'gif', what: 'a GIF picture', picture: 'GIF', advice: PICTURE, is: magic('GIF87a', 'GIF89a') },
  {
    id: 'webp',
    what: 'a WebP picture',
    picture: 'WebP',
    advice: PICTURE,
    is: all(magic('RIFF'), at(8, 'WEBP')),
  },
  { id: 'avif', what: 'an AVIF picture', picture: 'AVIF', advice: PICTURE, is: brand('avif', 'avis') },
  {
    id: 'heic',
    what: 'a HEIC picture',
    advice: PICTURE,
    is: brand('heic', 'heix', 'hevc', 'hevx', 'heim', 'heis', 'mif1', 'msf1'),
  },
  { id: 'video', what: 'a video', advice: PICTURE, is: brand() },
  { id: 'tiff', what: 'a TIFF picture', advice: PICTURE, is: magic('II*\0', 'MM\0*') },
  {
    id: 'jpeg-xl',
    what: 'a JPEG XL picture',
    advice: PICTURE,
    is: magic('\xff\x0a', '\0\0\0\x0cJXL \r\n\x87\n'),
  },
  { id: 'jpeg-2000', what: 'a JPEG 2000 picture', advice: PICTURE, is: magic('\0\0\0\x0cjP  \r\n\x87\n') },
  { id: 'psd', what: 'a Photoshop document', advice: PICTURE, is: magic('8BPS') },
  {
    id: 'bmp',
    what: 'a BMP picture',
    advice: PICTURE,
    is: all(magic('BM'), binary),
  },
  { id: 'ico', what: 'an icon', advice: PICTURE, is: magic('\0\0\x01\0') },
  // Models
  {
    id: 'safetensors',
    what: 'a safetensors file',
    reader: 'readSafetensors',
    advice: 'its weights are read by readSafetensors, and with an architecture by --base NAME --weights FILE',
    is: isSafetensors,
  },
  {
    id: 'torchscript',
    what: 'a TorchScript archive of PyTorch',
    advice: FROM_PYTORCH,
    is: zip(/(^|\/)(constants\.pkl$|code\/)/),
  },
  {
    id: 'pytorch',
    what: 'a PyTorch checkpoint (.pth)',
    advice: FROM_PYTORCH,
    is: zip(/(^|\/)data\.pkl$/),
  },
  {
    id: 'pytorch-legacy',
    what: 'a PyTorch checkpoint (.pth) in the form of before version 1.6',
    advice: FROM_PYTORCH,
    // A pickle that begins with torch.serialization's MAGIC_NUMBER.
    is: magic('\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19'),
  },
  {
    id: 'pickle',
    what: 'a Python pickle',
    advice: `if PyTorch wrote it: ${FROM_PYTORCH}`,
    is: all(magic('\x80\x02', '\x80\x03', '\x80\x04', '\x80\x05'), binary),
  },
  {
    id: 'keras',
    what: 'a Keras model (.keras)',
    advice: FROM_KERAS,
    is: all(zip(/^config\.json$/), zip(/\.weights\.h5$/)),
  },
  {
    id: 'teachable-machine',
    what: 'a TensorFlow.js model in a zip archive, as Teachable Machine exports it',
    advice: `unpack it; then ${tf2onnx('--tfjs FOLDER/model.json')}`,
    is: zip(/(^|\/)model\.json$/),
  },
  {
    id: 'npz',
    what: 'a NumPy archive (.npz)',
    advice: 'save its arrays in Python with safetensors.numpy.save_file(dict(numpy.load(FILE)), PATH)',
    is: ({ zip: names }) => names.length > 0 && names.every((n) => /\.npy$/.test(n)),
  },
  {
    id: 'saved-model-zip',
    what: 'a zipped TensorFlow SavedModel',
    advice: UNPACK,
    is: zip(/(^|\/)saved_model\.pb$/),
  },
  {
    id: 'mlpackage-zip',
    what: 'a zipped Core ML package',
    advice: 'export the network to ONNX where it was trained',
    is: zip(/\.mlpackage\/|com\.apple\.CoreML/),
  },
  { id: 'zip', what: 'a zip archive', advice: UNPACK, is: magic('PK\x03\x04', 'PK\x05\x06') },
  {
    id: 'hdf5',
    what: 'an HDF5 file, as Keras writes it (.h5)',
    advice: FROM_KERAS,
    is: any(...[0, 512, 1024, 2048].map((place) => at(place, '\x89HDF\r\n\x1a\n'))),
  },
  {
    id: 'tflite',
    what: 'a TensorFlow Lite model (.tflite)',
    advice: tf2onnx('--tflite FILE'),
    is: at(4, 'TFL3'),
  },
  {
    id: 'ort',
    what: "a model in ONNX Runtime's own form (.ort)",
    advice: 'take the .onnx file that it was made from',
    is: at(4, 'ORTM'),
  },
  {
    id: 'gguf',
    what: 'a GGUF file, as llama.cpp reads it',
    advice: 'those are language models; take a network for pictures',
    is: magic('GGUF', 'lmgg', 'tjgg', 'fmgg'),
  },
  {
    id: 'npy',
    what: 'a NumPy array (.npy)',
    advice: 'save the arrays of a network in Python with safetensors.numpy.save_file',
    is: magic('\x93NUMPY'),
  },
  {
    id: 'tensorrt',
    what: 'a TensorRT engine',
    advice: 'it runs on one kind of graphics processor only; take the .onnx file that it was built from',
    is: magic('ptrt', 'ftrt'),
  },
  {
    id: 'tfjs-layers',
    what: "a layers-model of TensorFlow.js ('model.json')",
    advice: `${tf2onnx('--tfjs FILE')}, or make a graph-model of it with tensorflowjs_converter --input_format=tfjs_layers_model --output_format=tfjs_graph_model, which Graft reads`,
    is: any(json(/"format"\s*:\s*"layers-model"/), json(/"modelTopology"/, /"(class_name|model_config)"/)),
  },
  {
    id: 'tfjs-graph',
    what: "a graph-model of TensorFlow.js ('model.json')",
    reader: 'importTfjs',
    advice: 'importTfjs of @graftjs/formats reads it, and it is a --base itself',
    is: json(/"format"\s*:\s*"graph-model"|"weightsManifest"/),
  },
  {
    id: 'safetensors-index',
    what: 'the index of weights that lie in several safetensors files',
    advice: 'join them in Python: safetensors.torch.save_file of all their tensors in one dict',
    is: json(/"weight_map"\s*:/),
  },
  {
    id: 'teachable-machine-metadata',
    what: "the labels of a Teachable Machine model ('metadata.json')",
    advice: tf2onnx('--tfjs FILE'),
    is: json(/"(tmVersion|teachable\w*|tfjsVersion)"/i, /"labels"/),
  },
  { id: 'json', what: 'a JSON file', advice: 'name the file with the weights', is: json() },
  {
    id: 'onnx',
    what: 'an ONNX model',
    reader: 'importOnnx',
    advice: 'importOnnx reads it, and it is a --base itself',
    is: isOnnx,
  },
  {
    id: 'coreml',
    what: 'a Core ML model (.mlmodel)',
    advice: 'export the network to ONNX where it was trained',
    is: isCoreMl,
  },
  {
    id: 'saved-model',
    what: "a TensorFlow SavedModel ('saved_model.pb')",
    advice: tf2onnx('--saved-model FOLDER'),
    is: isSavedModel,
  },
  {
    id: 'graph-def',
    what: 'a frozen TensorFlow graph (.pb)',
    advice: tf2onnx('--graphdef FILE --inputs NAME:0 --outputs NAME:0'),
    is: isGraphDef,
  },
  // Archives and documents
  { id: 'gzip', what: 'a gzip archive', advice: UNPACK, is: magic('\x1f\x8b') },
  { id: 'tar', what: 'a tar archive', advice: UNPACK, is: at(257, 'ustar') },
  {
    id: 'archive',
    what: 'a packed archive (7z, RAR, xz, bzip2 or zstd)',
    advice: UNPACK,
    is: magic('7z\xbc\xaf\x27\x1c', 'Rar!\x1a\x07', '\xfd7zXZ\0', 'BZh', '\x28\xb5\x2f\xfd'),
  },
  { id: 'pdf', what: 'a PDF document', advice: AGAIN, is: magic('%PDF') },
  {
    id: 'audio',
    what: 'a sound',
    advice: AGAIN,
    is: any(magic('ID3', 'OggS', 'fLaC'), all(magic('RIFF'), at(8, 'WAVE'))),
  },
  {
    id: 'program',
    what: 'a program',
    advice: AGAIN,
    is: any(magic('\x7fELF', '\xcf\xfa\xed\xfe', '\0asm'), all(magic('MZ'), binary)),
  },
  {
    id: 'html',
    what: 'a web page',
    advice:
      "the address led to a page about the file, not to the file: download it with that page's own link",
    is: text(/^\s*(<!--[^]*?-->\s*)?<(!doctype\s+html|html|head)\b/i),
  },
  { id: 'svg', what: 'an SVG drawing', advice: PICTURE, is: text(/^[^]{0,1000}<svg\b/i) },
  {
    id: 'openvino',
    what: 'an OpenVINO model (.xml)',
    advice: 'take the .onnx file that it was made from',
    is: text(/^\s*(<\?xml[^>]*>\s*)?<net\b/),
  },
  { id: 'xml', what: 'an XML file', advice: AGAIN, is: text(/^\s*<\?xml\b/) },
  // What the bytes do not tell
  {
    id: 'matlab',
    what: 'a MATLAB file (.mat)',
    advice: "MATLAB's exportONNXNetwork writes .onnx",
    is: magic('MATLAB 5.0'),
  },
  {
    id: 'paddle',
    what: 'a PaddlePaddle model',
    advice: "convert it with 'pip install paddle2onnx'",
    is: ending(/\.(pdmodel|pdiparams|pdparams)$/i),
  },
  {
    id: 'caffe',
    what: 'a Caffe model',
    advice: 'convert it to ONNX',
    is: ending(/\.(caffemodel|prototxt)$/i),
  },
  {
    id: 'darknet',
    what: "weights of Darknet's YOLO",
    advice: 'take a version of the network in ONNX',
    is: ending(/\.weights$/i),
  },
  {
    id: 'tf-checkpoint',
    what: 'a part of a TensorFlow checkpoint',
    advice: tf2onnx('--checkpoint NAME.meta --inputs NAME:0 --outputs NAME:0'),
    is: ending(/\.(ckpt|meta|index|data-\d+-of-\d+)$/i),
  },
  {
    id: 'text',
    what: 'a text file',
    advice: 'name the file with the weights',
    is: (file) => file.text !== null,
  },
];
