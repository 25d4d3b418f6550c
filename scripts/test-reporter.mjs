// A vitest reporter for scripts/test.mjs: what became of every file that was to run, and how long it took. Counts from
// files and not from tests alone: a file whose process dies has no failed test in it, and may not be reported at all.
import { writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { root } from './steps.mjs';

export const REPORT = join(root, 'node_modules', '.cache', 'graft', 'tests.json');

/** @typedef {{ project: string, file: string, seconds: number, passed: number, failed: number, skipped: number }} FileReport */

export default class TestReporter {
  onInit(vitest) {
    this.projects = vitest.projects.map(({ name }) => name);
    this.wanted = [];
    this.began = new Map();
    this.ended = new Map();
  }

  onTestRunStart(specifications) {
    this.wanted.push(...specifications);
  }

  onTestModuleQueued(module) {
    this.began.set(keyOf(module), Date.now());
  }

  onTestModuleEnd(module) {
    this.ended.set(keyOf(module), Date.now());
  }

  onTestRunEnd(modules, unhandledErrors) {
    const found = new Map(modules.map((module) => [keyOf(module), module]));
    const files = this.wanted.map((wanted) => {
      const key = keyOf(wanted);
      const [module, began, ended] = [found, this.began, this.ended].map((map) => map.get(key));
      const seconds = began === undefined ? 0 : ((ended ?? Date.now()) - began) / 1000;
      return { project: wanted.project.name, file: pathOf(wanted), seconds, began, ...countsOf(module) };
    });
    // Unless a file has failed already: the error is most likely the reason.
    const unhandled = files.some(({ failed }) => failed > 0) ? 0 : unhandledErrors.length;
    writeFileSync(REPORT, JSON.stringify({ projects: this.projects, files, unhandled }));
  }
}

const pathOf = ({ moduleId }) => relative(root, moduleId);
const keyOf = ({ project, moduleId }) => `${project.name} ${moduleId}`;

/** One failure for a file that did not end, or broke outside its tests (an import, a hook), and for a test left pending. */
function countsOf(module) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const test of module?.children.allTests() ?? []) {
    const { state } = test.result();
    counts[state === 'pending' ? 'failed' : state]++;
  }
  const state = module?.state();
  if (state !== 'passed' && state !== 'skipped' && counts.failed === 0) counts.failed = 1;
  return counts;
}
