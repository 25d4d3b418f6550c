// Nanoseconds per element of everything but convolutions, on one thread. From the repository's root:
//   node --conditions=@graftjs/source --import tsx packages/backend-wasm/bench/ops.ts [part of a name]
import { primitives, sizeOf, type OpAttrs, type OpName, type Shape, type TensorSpec } from '@graftjs/core';
import { createWasmBackend } from '../src/index.ts';
import { random, seconds } from './measure.ts';

export interface Case<N extends OpName = OpName> {
  readonly name: string;
  readonly op: N;
  readonly attrs: OpAttrs[N];
  readonly inputs: readonly TensorSpec[];
  /** What a nanosecond is counted for: the elements of the first input, if not these. */
  readonly per?: number;
}

function of<N extends OpName>(
  name: string,
  op: N,
  attrs: OpAttrs[N],
  shapes: readonly (Shape | TensorSpec)[],
): Case {
  const inputs = shapes.map((s) => ('dtype' in s ? s : { dtype: 'float32' as const, shape: s }));
  return { name, op, attrs, inputs } as Case;
}

const first: Shape = [16, 96, 48, 48];
const last: Shape = [16, 48, 48, 96];
const bool = (shape: Shape): TensorSpec => ({ dtype: 'bool', shape });
const int = (shape: Shape): TensorSpec => ({ dtype: 'int32', shape });
const pool = (k: number, stride: number, pad: number, layout: 'channels-first' | 'channels-last') => ({
  kernel: [k, k],
  stride: [stride, stride],
  padding: [
    [pad, pad],
    [pad, pad],
  ] as const,
  dilation: [1, 1],
  ceilMode: false,
  layout,
});
const reduce = (kind: 'sum' | 'max' | 'argmax', axes: number[]) => ({ kind, axes, keepDims: false });

const pools = (['channels-first', 'channels-last'] as const).flatMap((layout) => {
  const x = layout === 'channels-first' ? first : last;
  return (
    [
      [2, 2, 0],
      [3, 2, 1],
    ] as const
  ).flatMap(([k, s, p]): Case[] => {
    const a = pool(k, s, p, layout);
    const y: Shape = layout === 'channels-first' ? [16, 96, 24, 24] : [16, 24, 24, 96];
    const name = `${k}×${k}/${s} ${layout}`;
    return [
      of(`max pool ${name}`, 'maxPool', a, [x]),
      of(`max pool gradient ${name}`, 'maxPoolGrad', a, [x, y]),
      of(`average pool ${name}`, 'avgPool', { ...a, countIncludePad: false }, [x]),
      {
        ...of(
          `average pool gradient ${name}`,
          'avgPoolGrad',
          { ...a, countIncludePad: false, inputSize: [48, 48] },
          [y],
        ),
        per: sizeOf(x),
      },
    ];
  });
});

export const cases: readonly Case[] = [
  of('relu', 'unary', { kind: 'relu' }, [first]),
  of('relu, in the cache', 'unary', { kind: 'relu' }, [[16, 24, 8, 8]]),
  of('add', 'binary', { kind: 'add' }, [first, first]),
  of('add, in the cache', 'binary', { kind: 'add' }, [
    [16, 24, 8, 8],
    [16, 24, 8, 8],
  ]),
  of('add per channel, 48×48', 'binary', { kind: 'add' }, [first, [96, 1, 1]]),
  of('add per channel, 3×3', 'binary', { kind: 'add' }, [
    [16, 960, 3, 3],
    [960, 1, 1],
  ]),
  of('add per channel, last', 'binary', { kind: 'add' }, [last, [96]]),
  of('add per channel, last, 3 channels', 'binary', { kind: 'add' }, [[16, 224, 224, 3], [3]]),
  of('add per row', 'binary', { kind: 'add' }, [
    [4096, 256],
    [4096, 1],
  ]),
  of('mul by a scalar', 'binary', { kind: 'mul' }, [first, []]),
  of('div', 'binary', { kind: 'div' }, [first, first]),
  of('compare', 'compare', { kind: 'greater' }, [first, []]),
  of('select', 'select', {}, [bool(first), first, []]),
  of('and', 'binary', { kind: 'min' }, [bool(first), bool(first)]),
  of('not', 'unary', { kind: 'not' }, [bool(first)]),
  of('cast to int32', 'cast', { dtype: 'int32' }, [first]),
  of('cast to bool', 'cast', { dtype: 'bool' }, [first]),
  of('cast from bool', 'cast', { dtype: 'float32' }, [bool(first)]),
  of('exp', 'unary', { kind: 'exp' }, [first]),
  of('tanh', 'unary', { kind: 'tanh' }, [first]),
  of('sigmoid', 'unary', { kind: 'sigmoid' }, [first]),
  of('sqrt', 'unary', { kind: 'sqrt' }, [first]),
  of('sum [0,2,3]', 'reduce', reduce('sum', [0, 2, 3]), [first]),
  of('sum [0,2,3] of 3×3', 'reduce', reduce('sum', [0, 2, 3]), [[16, 960, 3, 3]]),
  of('sum [0,1,2], channels last', 'reduce', reduce('sum', [0, 1, 2]), [last]),
  of('sum of all', 'reduce', reduce('sum', [0, 1, 2, 3]), [first]),
  of('sum of rows of 10', 'reduce', reduce('sum', [1]), [[100000, 10]]),
  of('global average, channels first', 'reduce', reduce('sum', [2, 3]), [[16, 1280, 7, 7]]),
  of('global average, channels last', 'reduce', reduce('sum', [1, 2]), [[16, 7, 7, 1280]]),
  of('max of rows of 1000', 'reduce', reduce('max', [1]), [[1000, 1000]]),
  of('max of rows of 10', 'reduce', reduce('max', [1]), [[100000, 10]]),
  of('max over channels first', 'reduce', reduce('max', [1]), [first]),
  of('argmax of rows of 1000', 'reduce', reduce('argmax', [1]), [[1000, 1000]]),
  of('argmax of rows of 10', 'reduce', reduce('argmax', [1]), [[100000, 10]]),
  of('argmax over channels first', 'reduce', reduce('argmax', [1]), [first]),
  of('channels first to last', 'transpose', { perm: [0, 2, 3, 1] }, [first]),
  of('channels last to first', 'transpose', { perm: [0, 3, 1, 2] }, [last]),
  of('channels first to last, 3 channels', 'transpose', { perm: [0, 2, 3, 1] }, [[16, 3, 224, 224]]),
  of('channels last to first, 3 channels', 'transpose', { perm: [0, 3, 1, 2] }, [[16, 224, 224, 3]]),
  of('weights OIHW to HWIO', 'transpose', { perm: [2, 3, 1, 0] }, [[256, 256, 3, 3]]),
  of('weights HWIO to OIHW', 'transpose', { perm: [3, 2, 0, 1] }, [[3, 3, 256, 256]]),
  of('matrix', 'transpose', { perm: [1, 0] }, [[1024, 1024]]),
  of('pad by 1', 'pad', { before: [0, 0, 1, 1], after: [0, 0, 1, 1], interior: [0, 0, 0, 0], value: 0 }, [
    first,
  ]),
  of('slice, every second', 'slice', { start: [0, 0, 0, 0], size: [16, 96, 24, 24], step: [1, 1, 2, 2] }, [
    first,
  ]),
  of('slice of channels', 'slice', { start: [0, 8, 0, 0], size: [16, 64, 48, 48], step: [1, 1, 1, 1] }, [
    first,
  ]),
  of('slice of channels last', 'slice', { start: [0, 0, 0, 8], size: [16, 48, 48, 64], step: [1, 1, 1, 1] }, [
    last,
  ]),
  of('concat of channels', 'concat', { axis: 1 }, [first, first]),
  of('concat of channels last', 'concat', { axis: 3 }, [last, last]),
  of('broadcast per channel', 'broadcastTo', { shape: first }, [[96, 1, 1]]),
  of('gather rows', 'gather', { axis: 0 }, [[10000, 128], int([5000])]),
  of('gather columns', 'gather', { axis: 1 }, [[1000, 1000], int([500])]),
  of('scatterAdd rows', 'scatterAdd', { axis: 0, size: 10000 }, [[5000, 128], int([5000])]),
  ...pools,
];

if (process.argv[1]?.endsWith('bench/ops.ts')) {
  const backend = await createWasmBackend({ threads: 1 });
  const filter = process.argv[2] ?? '';
  for (const { name, op, attrs, inputs, per } of cases.filter((each) => each.name.includes(filter))) {
    const y = primitives[op].infer(inputs as TensorSpec[], attrs as never);
    const operands = inputs.map((spec) => ({
      spec,
      buffer: backend.upload(random(sizeOf(spec.shape)), spec),
    }));
    const time = seconds(() =>
      backend.run(op, operands, attrs as never, [y]).forEach((b) => backend.release(b)),
    );
    const elements = Math.max(per ?? 0, sizeOf(inputs[0]!.shape), op === 'broadcastTo' ? sizeOf(y.shape) : 0);
    console.log(`${name.padEnd(42)} ${((time * 1e9) / elements).toFixed(3).padStart(7)} ns`);
    operands.forEach(({ buffer }) => backend.release(buffer));
  }
  const one = {
    spec: { dtype: 'float32', shape: [4] } as const,
    buffer: backend.upload([1, 2, 3, 4], { dtype: 'float32', shape: [4] }),
  };
  const tiny = (): void => {
    for (let i = 0; i < 100; i++)
      backend.release(backend.run('binary', [one, one], { kind: 'add' }, [one.spec])[0]!);
  };
  console.log(
    `${'add of 4 elements, all of it'.padEnd(42)} ${(seconds(tiny) * 1e7).toFixed(0).padStart(7)} ns`,
  );
}
