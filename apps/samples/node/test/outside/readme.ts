import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from './project.ts';

/** One fenced block of a README. */
export interface Block {
  /** `packages/core/README.md 1`: the file, and which of its blocks in this language it is. */
  readonly id: string;
  readonly language: string;
  readonly code: string;
}

const places = ['packages', 'apps', 'apps/samples'].flatMap((folder) =>
  readdirSync(join(repository, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => `${folder}/${entry.name}/README.md`),
);

/** All blocks of the READMEs that are written in `language`. */
export function blocks(language: string): Block[] {
  return ['README.md', ...places].flatMap((file) => {
    const text = readFileSync(join(repository, file), 'utf8');
    return [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)]
      .filter((match) => match[1] === language)
      .map((match, i) => ({ id: `${file} ${i + 1}`, language, code: match[2]! }));
  });
}

/** What has to be known about a block besides its text. Blocks that are not in here run as they stand. */
export interface Setting {
  /** Put before it: what the text around the block says is there. */
  readonly before?: string;
  /** Names of files in it, and those of the files that are there. */
  readonly instead?: Readonly<Record<string, string>>;
  /** Why it is compiled only. */
  readonly notRun?: string;
  /** Why it is not even compiled. */
  readonly notCompiled?: string;
}

const wasm = `import { createWasmBackend } from '@graftjs/backend-wasm';`;
const data = `
import { setDefaultBackend } from '@graftjs/core';
import { imageFolder } from '@graftjs/vision/node';
setDefaultBackend(await createWasmBackend());`;

export const typescript: Readonly<Record<string, Setting>> = {
  'packages/backend-webgl/README.md 1': { notRun: 'WebGL is in browsers; the suite runs there' },
  'packages/conformance/README.md 1': { notCompiled: 'it stands in packages/*/test' },
  'packages/conformance/README.md 2': { notCompiled: 'it stands in packages/*/test' },
  'packages/formats/README.md 1': {
    instead: {
      'model/model.json': 'centernet.json',
      'model/group1-shard1of1.bin': 'centernet.bin',
      'backbone/last/Relu': 'tower_0/extern1/hard_swish/mul_1',
    },
  },
  'packages/formats/README.md 2': {
    before: `${wasm}${data}
import { readFile } from 'node:fs/promises';
import { imageNetPreprocess } from '@graftjs/core';
const data = await imageFolder('photos', { preprocess: imageNetPreprocess({ size: 64 }) });`,
  },
  'packages/formats/README.md 3': {
    before: `${wasm}
import { setDefaultBackend } from '@graftjs/core';
import { loadModelFile } from '@graftjs/models/node';
import { writeFile } from 'node:fs/promises';
setDefaultBackend(await createWasmBackend());
const { model, info } = await loadModelFile('model.safetensors');
const classes = info.classes!, preprocess = info.preprocess!;`,
    instead: { '[3, 224, 224]': '[preprocess.size, preprocess.size, 3]' },
  },
  'packages/models/README.md 2': {
    before: `declare module '@graftjs/models/coco-mobilenet-v3.safetensors?url' { const address: string; export default address; }`,
    notRun: "bundlers know '?url'; the page in apps/samples/browser does it",
  },
  'packages/models/README.md 3': {
    before: `${wasm}
import { setDefaultBackend } from '@graftjs/core';
setDefaultBackend(await createWasmBackend());`,
  },
};

export const sh: { readonly elsewhere: RegExp; readonly instead: Record<string, string> } = {
  /** Lines that are for a clone or a registry, each run by other means: CI itself, `npm run demo`, the samples' tests; and a TF.js base, in apps/cli's. */
  elsewhere: /tfjs\/model\.json|^(npm |npx (pnpm@\S+ (install|--filter) ?|tsx |vite )| {2}onnxruntime-web)/,
  instead: { '"$HOME/Downloads/model.safetensors"': 'model.safetensors' },
};

/** What the Python needs that Debian does not have. */
export const python: Readonly<Record<'onnxruntime' | 'runOnnx' | 'refit' | 'safetensors', string>> = {
  /** The package's interface, as far as the READMEs use it, on the same runtime in Node. */
  onnxruntime: `
import json, subprocess, numpy as np, onnx
class InferenceSession:
    def __init__(self, path):
        self.path = path
        self.metadata = {p.key: p.value for p in onnx.load(path).metadata_props}
    def get_modelmeta(self):
        class Meta: custom_metadata_map = self.metadata
        return Meta
    def run(self, outputs, feeds):
        [(name, value)] = feeds.items()
        assert value.dtype == np.uint8
        args = ['node', 'run-onnx.mjs', self.path, name, json.dumps(value.shape), outputs[0]]
        result = json.loads(subprocess.run(args, input=value.tobytes(), stdout=subprocess.PIPE, check=True).stdout)
        return [np.array(result['data'], np.float32).reshape(result['dims'])]
`,
  runOnnx: `
import { readFileSync } from 'node:fs';
import * as ort from 'onnxruntime-node';
const [path, name, dims, output] = process.argv.slice(2);
const session = await ort.InferenceSession.create(path);
const input = new ort.Tensor('uint8', new Uint8Array(readFileSync(0)), JSON.parse(dims));
const { [output]: y } = await session.run({ [name]: input });
console.log(JSON.stringify({ dims: y.dims, data: [...y.data] }));
`,
  /** The same model, fed with pictures that were fitted in another way. */
  refit: `
import { createCpuBackend } from '@graftjs/backend-cpu';
import { setDefaultBackend } from '@graftjs/core';
import { loadModelFile, saveModelFile } from '@graftjs/models/node';
setDefaultBackend(await createCpuBackend());
const { model, info } = await loadModelFile('fit.safetensors');
const preprocess = { ...info.preprocess, fit: process.argv[2] };
await saveModelFile('fit.safetensors', model, { ...info, preprocess });
`,
  safetensors: `
import json, numpy as np
class safe_open:
    def __init__(self, path, framework):
        bytes = open(path, 'rb').read()
        length = int.from_bytes(bytes[:8], 'little')
        self.header, self.data = json.loads(bytes[8:8 + length]), bytes[8 + length:]
    def __enter__(self): return self
    def __exit__(self, *_): pass
    def metadata(self): return self.header['__metadata__']
    def get_tensor(self, name):
        entry = self.header[name]
        begin, end = entry['data_offsets']
        assert entry['dtype'] == 'F32'
        return np.frombuffer(self.data[begin:end], np.float32).reshape(entry['shape'])
`,
};
