/**
 * What the docstrings of public functions and classes say, checked by rule. (It stands here because the command is the one
 * package that depends on all others.) A public name needs
 * - a *docstring*;
 * - *shape*: where it takes or gives tensors, their shapes in backquotes, `[n, c, ...spatial]`, or one of the words "any
 *   shape", "same shape", "scalar";
 * - *throws*: where a `throw` can be reached from it by calls that its text shows, `@throws` with the class and when. Of
 *   every op it is true, and said there only, that it refuses what is no tensor (ShapeError), tensors that were disposed or
 *   that live on different backends (StateError), and results for which there is no room (OutOfMemoryError);
 * - *example*: if it is an op, a layer, a loss, an optimizer, `fit`, `transfer`, `compile` or makes a backend, an `@example`.
 *
 * An example is TypeScript of two to six lines without a fence. The names of core and of its own package need no import, and
 * the default backend is there. At least one line ends in `// → value`: what its expression or its `const` gives, a tensor as
 * nested arrays, a promise as what comes of it, numbers to the digits that are written. Examples are checked by the compiler
 * and run; those of the entries for Node, which read files that are not here, are checked only.
 */
import * as cpu from '@graftjs/backend-cpu';
import * as onnx from '@graftjs/backend-onnx';
import * as tfjs from '@graftjs/backend-tfjs';
import * as wasm from '@graftjs/backend-wasm';
import * as wasmInline from '@graftjs/backend-wasm/inline';
import * as core from '@graftjs/core';
import * as kit from '@graftjs/core/backend';
import * as extend from '@graftjs/core/extend';
import * as formats from '@graftjs/formats';
import * as formatsNode from '@graftjs/formats/node';
import * as models from '@graftjs/models';
import * as modelsNode from '@graftjs/models/node';
import * as onnxGraph from '@graftjs/onnx-graph';
import * as vision from '@graftjs/vision';
import * as visionNode from '@graftjs/vision/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { doorsOf, publicNames, type Requirement } from '../test/docstrings/api.ts';
import { ADDED, FIRST } from '../test/docstrings/doors.ts';
import { examplesOf, runnable, typeErrors } from '../test/docstrings/examples.ts';

/** The only exceptions, by what they need not say. */
const EXCEPTIONS: Partial<Record<Requirement, readonly string[]>> = {
  // What the text shows and cannot be: settings that are written there are right.
  throws: ['headRecipe', 'fineTuneRecipe', 'scratchRecipe'],
  // It takes a graphics processor, and the command has no dependency on it.
  example: ['createWebglBackend'],
};

const packages = {
  '@graftjs/core': core,
  '@graftjs/core/backend': kit,
  '@graftjs/core/extend': extend,
  '@graftjs/backend-cpu': cpu,
  '@graftjs/backend-onnx': onnx,
  '@graftjs/backend-tfjs': tfjs,
  '@graftjs/backend-wasm': wasm,
  '@graftjs/backend-wasm/inline': wasmInline,
  '@graftjs/formats': formats,
  '@graftjs/formats/node': formatsNode,
  '@graftjs/models': models,
  '@graftjs/models/node': modelsNode,
  '@graftjs/onnx-graph': onnxGraph,
  '@graftjs/vision': vision,
  '@graftjs/vision/node': visionNode,
};
const backends = ['cpu', 'wasm', 'tfjs', 'onnx', 'webgl'].map((name) => `backend-${name}`);
const checked = ['core', ...backends, 'formats', 'models', 'onnx-graph', 'vision'];
const { names, program } = publicNames(checked.map((name) => `packages/${name}`));

describe('the doors of core', () => {
  const doors = doorsOf('packages/core', program);
  it.each(Object.keys(FIRST))('%s shows what it showed, and what was added for a reason', (door) => {
    const wanted = [...FIRST[door]!.trim().split(/\s+/), ...Object.keys(ADDED[door] ?? {})];
    expect(doors[door]!.toSorted()).toEqual(wanted.toSorted());
    for (const reason of Object.values(ADDED[door] ?? {})) expect(reason).toMatch(/\w+ \w+/);
  });
  it('are all listed, and what users have is in no other but where it is of the contract of backends', () => {
    expect(Object.keys(doors).toSorted()).toEqual(Object.keys(FIRST).toSorted());
    expect(doors['./extend']!.filter((name) => doors['.']!.includes(name))).toEqual([]);
  });
});

describe.each(checked)('docstrings of @graftjs/%s', (name) => {
  const own = `@graftjs/${name}`;
  const said = names.get(`packages/${name}`)!;
  const examples = examplesOf(said, own, packages);
  const runs = runnable(
    examples.filter(({ file }) => !file.includes('/src/node/')),
    packages,
  );

  beforeAll(async () => core.setDefaultBackend(await cpu.createCpuBackend()));
  afterAll(() => core.setDefaultBackend(null));

  it.each(['docstring', 'shape', 'throws', 'example'] as const)('say what they must: %s', (requirement) => {
    const exceptions = EXCEPTIONS[requirement] ?? [];
    const missing = said.filter((n) => n.missing.includes(requirement)).map((n) => n.name);
    expect(missing.filter((n) => !exceptions.includes(n))).toEqual([]);
  });

  it('have examples that the compiler takes', () => {
    expect(typeErrors(examples, program)).toEqual([]);
  });

  it.each([...runs.keys()])('$name: its example gives what it says', async (example) => {
    await runs.get(example)!();
  });
});
