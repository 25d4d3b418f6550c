import { encodeModel, tensorOf, type OnnxNode, type OnnxTensor } from '@graftjs/onnx-graph';
import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { graft, pictureFolder, temporaryFolder, type Captured } from './testing.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let photos = '';
const at = (name: string): string => `${folder.path}/${name}`;

beforeAll(async () => {
  folder = await temporaryFolder();
  photos = await pictureFolder(at('photos'), 6);
});
afterAll(() => folder.remove());

const n = (opType: string, inputs: string[], output: string, perm?: number[]): OnnxNode => ({
  name: output,
  opType,
  domain: '',
  inputs,
  outputs: [output],
  attributes: perm ? { perm: { type: 'ints', value: perm } } : {},
});
const weights = (name: string, dims: number[]): OnnxTensor =>
  tensorOf(
    name,
    'float32',
    dims,
    Float32Array.from({ length: dims.reduce((a, b) => a * b) }, (_, i) => Math.sin(i * 1.3) / 4),
  );

/** A network of somebody else's, in a file. */
async function foreign(
  name: string,
  nodes: OnnxNode[],
  tensors: OnnxTensor[],
  outputs: string[],
  input: { element: 'float32' | 'uint8'; shape: (number | string)[] } = {
    element: 'float32',
    shape: ['N', 3, 32, 32],
  },
): Promise<string> {
  const bytes = encodeModel({
    irVersion: 8,
    opsets: new Map([['', 13]]),
    producerName: 'somebody',
    producerVersion: '',
    metadata: new Map(),
    functions: 0,
    graph: {
      name: 'g',
      nodes,
      initializers: tensors,
      inputs: [{ name: 'x', ...input }],
      outputs: outputs.map((o) => ({ name: o, element: 'float32', shape: null })),
      valueInfo: [],
    },
  });
  await writeFile(at(name), bytes);
  return at(name);
}
const BODY = [n('Conv', ['x', 'a.weight'], 'a'), n('Relu', ['a'], 'r'), n('Conv', ['r', 'b.weight'], 'b')];
const BODY_WEIGHTS = [weights('a.weight', [4, 3, 3, 3]), weights('b.weight', [6, 4, 3, 3])];
const detector = (): Promise<string> =>
  foreign(
    'detector.onnx',
    [...BODY, n('Conv', ['b', 'box.weight'], 'boxes'), n('Conv', ['b', 'cls.weight'], 'scores')],
    [...BODY_WEIGHTS, weights('box.weight', [4, 6, 1, 1]), weights('cls.weight', [2, 6, 1, 1])],
    ['boxes', 'scores'],
  );
const train = (base: string, ...more: string[]): Promise<Captured> =>
  graft([
    ...['train', photos, '--out', at('m.safetensors'), '--force', '--base', base, '--epochs', '1'],
    ...['--batch', '4', '--no-report', '--cache', 'off', '--json', ...more],
  ]);

describe('a network with several outputs', () => {
  it('is a base up to where they part, and says so', async () => {
    const { code, err } = await train(await detector());
    expect([code, err]).toEqual([0, expect.any(String)]);
    expect(err).toContain(
      "detector.onnx has 2 outputs, 'boxes' [4, 28, 28], 'scores' [2, 28, 28]: taken up to 'b', where they part; --output NAME takes the way to one",
    );
  });

  it('is inspected with its outputs', async () => {
    const { code, out } = await graft(['inspect', await detector()]);
    expect(code).toBe(0);
    expect(out).toContain("outputs     'boxes' [4, 28, 28], 'scores' [2, 28, 28]");
    const { out: text } = await graft(['inspect', await detector(), '--output', 'scores', '--json']);
    const said = JSON.parse(text) as { outputs: string[]; layers: { name: string }[] };
    expect(said.outputs).toEqual(["'scores' [2, 28, 28]"]);
    expect(said.layers.map((l) => l.name)).toContain('cls');
  });

  it('leads to the output, or the value in the middle, that is named', async () => {
    for (const output of ['scores', 'r']) {
      const { code, err } = await train(await detector(), '--output', output);
      expect([code, err]).toEqual([0, expect.not.stringContaining('outputs')]);
    }
  });

  it('is refused before a picture is read where the name is wrong, or nothing is shared', async () => {
    const apart = await foreign(
      'apart.onnx',
      [n('Conv', ['x', 'a.weight'], 'boxes'), n('Conv', ['x', 'c.weight'], 'scores')],
      [weights('a.weight', [4, 3, 3, 3]), weights('c.weight', [2, 3, 3, 3])],
      ['boxes', 'scores'],
    );
    for (const [base, more, message] of [
      [await detector(), ['--output', 'score'], /detector\.onnx: .*'score'.*'scores'/],
      [apart, [], /apart\.onnx: has 2 outputs, 'boxes' .*--output NAME/],
      ['coco-mobilenet-v3', ['--output', 'y'], /--output is for a file from elsewhere/],
    ] as const) {
      const { code, err } = await graft([
        'train',
        at('nowhere'),
        '--out',
        at('z.safetensors'),
        '--base',
        base,
        ...more,
      ]);
      expect([code === 0, err]).toEqual([false, expect.stringMatching(message)]);
    }
  });

  it('is no classifier until one is chosen', async () => {
    for (const argv of [
      ['predict', await detector(), at('photos/red/0.png')],
      ['evaluate', await detector(), photos],
      ['convert', await detector(), at('c.safetensors')],
    ]) {
      const { code, err } = await graft(argv);
      expect([code, err]).toEqual([1, expect.stringMatching(/has 2 outputs, 'boxes'.*--output NAME/)]);
    }
    const two = await foreign(
      'two.onnx',
      [
        ...BODY,
        n('GlobalAveragePool', ['b'], 'p'),
        n('Flatten', ['p'], 'f'),
        n('MatMul', ['f', 'age.weight'], 'age'),
        n('MatMul', ['f', 'kind.weight'], 'kind'),
      ],
      [...BODY_WEIGHTS, weights('age.weight', [6, 1]), weights('kind.weight', [6, 3])],
      ['age', 'kind'],
    );
    const { code, out } = await graft(['predict', two, at('photos/red/0.png'), '--output', 'kind', '--json']);
    expect(code).toBe(0);
    expect((JSON.parse(out) as { predictions: { top: unknown[] }[] }).predictions[0]!.top).toHaveLength(3);
  });
});

describe('a network that scales pictures itself', () => {
  const scaling = (name: string, by: number, element: 'float32' | 'uint8', last = false): Promise<string> => {
    const nodes = [
      ...(element === 'uint8'
        ? [{ ...n('Cast', ['x'], 'x0'), attributes: { to: { type: 'int' as const, value: 1 } } }]
        : []),
      ...(last ? [n('Transpose', [element === 'uint8' ? 'x0' : 'x'], 'x1', [0, 3, 1, 2])] : []),
    ];
    const from = nodes.at(-1)?.outputs[0] ?? 'x';
    return foreign(
      name,
      [
        ...nodes,
        n('Mul', [from, 'by'], 'scaled'),
        n('Conv', ['scaled', 'a.weight'], 'a'),
        n('GlobalAveragePool', ['a'], 'p'),
        n('Flatten', ['p'], 'f'),
        n('MatMul', ['f', 'fc.weight'], 'y'),
      ],
      [tensorOf('by', 'float32', [], [by]), weights('a.weight', [4, 3, 3, 3]), weights('fc.weight', [4, 3])],
      ['y'],
      { element, shape: last ? ['N', 32, 32, 3] : ['N', 3, 32, 32] },
    );
  };
  const shares = async (path: string): Promise<number[]> => {
    const { code, out, err } = await graft(['predict', path, at('photos/red/0.png'), '--json']);
    expect([code, err]).toEqual([0, expect.stringContaining('0 … 255, as its first nodes show')]);
    const [{ top }] = (
      JSON.parse(out) as { predictions: [{ top: { class: string; probability: number }[] }] }
    ).predictions;
    return [...top].sort((a, b) => Number(a.class) - Number(b.class)).map((t) => t.probability);
  };

  it('is fed bytes, of either type and in either layout', async () => {
    const plain = await shares(await scaling('f.onnx', 1 / 255, 'float32'));
    expect(new Set(plain.map((p) => p.toFixed(3))).size).toBe(3);
    for (const other of [
      await scaling('u.onnx', 1 / 255, 'uint8'),
      await scaling('fl.onnx', 1 / 255, 'float32', true),
      await scaling('ul.onnx', 1 / 255, 'uint8', true),
    ])
      (await shares(other)).forEach((p, i) => expect(p).toBeCloseTo(plain[i]!, 5));
  });

  it('is told from one where it is only assumed', async () => {
    const said = async (path: string): Promise<string> => (await graft(['inspect', path])).out;
    expect(await said(await scaling('f.onnx', 1 / 255, 'float32'))).toContain(
      'values      0 … 255 (seen in its first nodes)',
    );
    const assumed = await said(await detector());
    expect(assumed).toContain('channels-first (assumed: the file does not say)');
    expect(assumed).toContain('values      (0 … 1 less 0.485, 0.456, 0.406) / 0.229, 0.224, 0.225\n');
  });
});

describe('a graph-model of TensorFlow.js', () => {
  /** Two layers, a classifier of three and a softmax, as the converter writes them; pictures in bytes. */
  async function tfjs(name: string, shard = 'group1-shard1of1.bin'): Promise<string> {
    const ints = (...v: number[]): object => ({ list: { i: v.map(String) } });
    const text = (v: string): object => ({ s: Buffer.from(v).toString('base64') });
    const strides = { strides: ints(1, 2, 2, 1), padding: text('SAME') };
    const shapes: Record<string, number[]> = {
      by: [],
      w1: [3, 3, 3, 4],
      w2: [3, 3, 4, 6],
      fc: [6, 3],
      axes: [2],
    };
    const sizes = Object.values(shapes).map((d) => d.reduce((a, b) => a * b, 1));
    const values = Float32Array.from(
      { length: sizes.reduce((a, b) => a + b) - 2 },
      (_, i) => Math.sin(i * 1.3) / 4,
    );
    values[0] = 1 / 255;
    const json = {
      format: 'graph-model',
      modelTopology: {
        node: [
          {
            name: 'x',
            op: 'Placeholder',
            attr: {
              dtype: { type: 'DT_FLOAT' },
              shape: { shape: { dim: ['-1', '32', '32', '3'].map((size) => ({ size })) } },
            },
          },
          ...Object.keys(shapes).map((name) => ({ name, op: 'Const' })),
          { name: 'scaled', op: 'Mul', input: ['x', 'by'] },
          { name: 'net/block1/conv', op: 'Conv2D', input: ['scaled', 'w1'], attr: strides },
          { name: 'net/block1/relu', op: 'Relu', input: ['net/block1/conv'] },
          { name: 'net/block2/conv', op: 'Conv2D', input: ['net/block1/relu', 'w2'], attr: strides },
          { name: 'pool', op: 'Mean', input: ['net/block2/conv', 'axes'] },
          { name: 'logits', op: 'MatMul', input: ['pool', 'fc'] },
          { name: 'y', op: 'Softmax', input: ['logits'] },
        ],
      },
      weightsManifest: [
        {
          paths: [`elsewhere/${shard}`],
          weights: Object.entries(shapes).map(([name, shape]) => ({
            name,
            shape,
            dtype: name === 'axes' ? 'int32' : 'float32',
          })),
        },
      ],
    };
    await writeFile(at(name), JSON.stringify(json));
    await writeFile(
      at('group1-shard1of1.bin'),
      Buffer.concat([Buffer.from(values.buffer), Buffer.from(Int32Array.of(1, 2).buffer)]),
    );
    return at(name);
  }

  it('is inspected, asked and built on as an .onnx file is', async () => {
    const model = await tfjs('model.json');
    const { out } = await graft(['inspect', model]);
    expect(out).toContain('32 × 32 pixels, crop, channels-last');
    expect(out).toContain('values      0 … 255 (seen in its first nodes)');
    expect(out).toMatch(/\* +net\.block1 .*\n\* +net\.block2 .*\n\* logits /);
    const asked = await graft(['predict', model, at('photos/red/0.png'), '--json']);
    expect([asked.code, asked.err]).toEqual([0, expect.stringContaining('they are numbered, 0 to 2')]);
    const { code, err } = await train(model);
    expect([code, err]).toEqual([0, expect.any(String)]);
  });

  it('without its shards, or with damaged JSON, is refused in a line', async () => {
    const lost = await tfjs('lost.json', 'lost.bin');
    await writeFile(at('cut.json'), '{"format": "graph-model", "modelTopology": {');
    for (const [path, message] of [
      [lost, /lost\.json: .*lost\.bin/],
      [at('cut.json'), /cut\.json: its JSON is damaged/],
    ] as const) {
      const { code, err } = await graft(['inspect', path]);
      expect([code, err.trimEnd().split('\n').length, err]).toEqual([1, 1, expect.stringMatching(message)]);
    }
  });
});
