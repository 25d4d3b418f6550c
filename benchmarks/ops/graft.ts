import { scope, sizeOf, tensor, type Backend, type Layout, type TensorSpec } from '@graftjs/core';
import { type OpAttrs, type OpName, type OpInputs, type Operand } from '@graftjs/core/backend';
import type { Contender } from './contender.ts';
import { primitiveData, random, toFirst, toLast } from './data.ts';
import { graftStep } from './steps.ts';
import type { Task } from './task.ts';
import {
  convData,
  convSpecs,
  outputOf,
  type CaseWork,
  type ConvWork,
  type PrimitiveWork,
  type Work,
} from './work.ts';

/** One of Graft's backends in one layout. What has its layout in itself is measured as channels first only. */
export function graftContender(name: string, backend: Backend, layout: Layout, parallel: boolean): Contender {
  const first = layout === 'channels-first';
  const prepare = (work: Work): Task | null | Promise<Task | null> => {
    switch (work.kind) {
      case 'conv':
        return convTask(work, backend, layout);
      case 'step':
        return graftStep(work.step, layout, backend);
      case 'primitive':
        return first ? primitiveTask(work, backend) : null;
      case 'case':
        return first ? caseTask(work, backend) : null;
    }
  };
  return {
    name: first ? name : `${name} last`,
    ours: true,
    parallel,
    prepare: async (work) => (await prepare(work)) ?? '',
    dispose: () => backend.dispose(),
  };
}

interface Given {
  readonly spec: TensorSpec;
  readonly values: ArrayLike<number>;
}

/** A primitive straight on the backend, without core's bookkeeping around it. */
function runTask<N extends OpName>(
  backend: Backend,
  op: N,
  inputs: OpInputs<Given>[N],
  attrs: OpAttrs[N],
  output: TensorSpec,
  toResult?: (values: ArrayLike<number>) => ArrayLike<number>,
): Task {
  const operands = inputs.map(({ spec, values }) => ({ spec, buffer: backend.upload(values, spec) }));
  const enqueue = (): unknown =>
    backend.run(op, operands as unknown as OpInputs<Operand<unknown>>[N], attrs, output);
  const run = (): void => {
    const buffer = enqueue();
    if (operands.every((o) => o.buffer !== buffer)) backend.release(buffer);
  };
  return {
    run,
    ...(!backend.readSync && { finish: () => backend.flush() }),
    ...(toResult && {
      async result() {
        const buffer = enqueue();
        const values = await backend.read(buffer, output);
        backend.release(buffer);
        return toResult(values);
      },
    }),
    dispose: () => operands.forEach((o) => backend.release(o.buffer)),
  };
}

function convTask({ geometry, pass }: ConvWork, backend: Backend, layout: Layout): Task {
  const data = convData(geometry);
  const firsts = convSpecs(geometry, 'channels-first');
  const { x, w, y, attrs } = convSpecs(geometry, layout);
  const isFirst = layout === 'channels-first';
  const given = (spec: TensorSpec, values: Float32Array, shape: readonly number[]): Given => ({
    spec,
    values: isFirst ? values : toLast(values, shape),
  });
  const input = given(x, data.x, firsts.x.shape);
  const weights = { spec: w, values: data.w };
  const gradient = given(y, data.gy, firsts.y.shape);
  const back = (spec: TensorSpec) => (values: ArrayLike<number>) =>
    isFirst ? values : toFirst(values, spec.shape);
  switch (pass) {
    case 'forward':
      return runTask(backend, 'conv', [input, weights], attrs, y, back(y));
    case 'input gradient':
      return runTask(
        backend,
        'convInputGrad',
        [gradient, weights],
        { ...attrs, inputSize: geometry.size },
        x,
        back(x),
      );
    case 'weight gradient':
      return runTask(
        backend,
        'convWeightGrad',
        [input, gradient],
        { ...attrs, kernelSize: geometry.kernel },
        w,
        (values) => values,
      );
  }
}

function primitiveTask<N extends OpName>(work: PrimitiveWork<N>, backend: Backend): Task {
  const given = work.inputs.map((spec, i) => ({
    spec,
    values: primitiveData(spec, i),
  })) as unknown as OpInputs<Given>[N];
  return runTask(backend, work.op, given, work.attrs, outputOf(work));
}

/** A case of the conformance suite, through core. */
export function caseTask({ case: c }: CaseWork, backend: Backend): Task {
  const inputs = c.inputs.map(({ dtype, shape }, i) =>
    tensor(random(sizeOf(shape), i + 1).map(Math.abs), shape, { dtype, backend }),
  );
  const run = (): void =>
    scope(() => {
      c.run(...inputs);
    });
  return { run, dispose: () => inputs.forEach((t) => t.dispose()) };
}
