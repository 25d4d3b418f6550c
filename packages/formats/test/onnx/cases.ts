import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where Debian's package libonnx-testdata puts ONNX's backend tests. */
export const DATA = '/usr/share/libonnx-testdata/data';
export const present: boolean = existsSync(DATA);

/** Its folders. 'real' holds inputs and outputs of models that have to be fetched elsewhere. */
export const SUITES = ['node', 'simple', 'pytorch-operator', 'pytorch-converted'] as const;
export type Suite = (typeof SUITES)[number];

/** One of ONNX's backend tests: a model, and what it must give for what. */
export interface OnnxCase {
  readonly suite: Suite;
  /** Without the 'test_' that all begin with. */
  readonly name: string;
  readonly model: Uint8Array;
  readonly sets: readonly OnnxDataSet[];
}

/** Files of `TensorProto` (of `SequenceProto` or `OptionalProto` where the model says so), in the order of the graph. */
export interface OnnxDataSet {
  readonly inputs: readonly Uint8Array[];
  readonly outputs: readonly Uint8Array[];
}

function filesOf(folder: string, kind: 'input' | 'output'): Uint8Array[] {
  const count = readdirSync(folder).filter((f) => f.startsWith(`${kind}_`) && f.endsWith('.pb')).length;
  return Array.from({ length: count }, (_, i) => readFileSync(join(folder, `${kind}_${i}.pb`)));
}

/** All cases, in the order of their names. */
export function onnxCases(): OnnxCase[] {
  return SUITES.flatMap((suite) =>
    readdirSync(join(DATA, suite))
      .sort()
      .map((folder): OnnxCase => {
        const at = join(DATA, suite, folder);
        return {
          suite,
          name: folder.replace(/^test_/, ''),
          model: readFileSync(join(at, 'model.onnx')),
          sets: readdirSync(at)
            .filter((f) => f.startsWith('test_data_set_'))
            .sort()
            .map((set) => ({
              inputs: filesOf(join(at, set), 'input'),
              outputs: filesOf(join(at, set), 'output'),
            })),
        };
      }),
  );
}
