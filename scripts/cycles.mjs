// `pnpm cycles`: no module imports itself through others, types counted: what two modules need of each other has a home of
// its own. Where the two are one idea all the same, the edge stands here with its reason; one that is gone fails, too.
import { parseDependencyTree } from 'dpdm';
import { root } from './steps.mjs';

/** Edges that may close a circle: [from, to, why]. */
const ALLOWED = [
  [
    'packages/core/src/ops/bound.ts',
    'packages/core/src/ops/index.ts',
    "types alone: the table that tensors' methods call has the types of the ops, which are functions of tensors",
  ],
];

const FILES = ['packages/*/{src,test}/**/*.ts', 'apps/**/*.ts', 'benchmarks/**/*.ts'];
const tree = await parseDependencyTree(FILES, { context: root, exclude: /node_modules/ });
/** @type {Map<string, Set<string>>} */
const imports = new Map();
for (const [file, dependencies] of Object.entries(tree))
  if (dependencies) imports.set(file, new Set(dependencies.map((d) => d.id).filter((id) => tree[id])));

/** The shortest way from one module to another, both included; null if there is none. */
function way(from, to) {
  const before = new Map([[from, null]]);
  for (const at of before.keys()) {
    if (at === to) {
      const path = [];
      for (let step = to; step !== null; step = before.get(step)) path.unshift(step);
      return path;
    }
    for (const next of imports.get(at) ?? []) if (!before.has(next)) before.set(next, at);
  }
  return null;
}

const problems = [];
for (const [from, to] of ALLOWED) {
  if (!imports.get(from)?.has(to) || !way(to, from))
    problems.push(`no circle any more, so take it out of scripts/cycles.mjs: ${from} → ${to}`);
}
for (const [from, to] of ALLOWED) imports.get(from)?.delete(to);

/** Modules whose circle is told: one is enough of those that all lead to each other. */
const told = new Set();
for (const [file, dependencies] of imports) {
  if (told.has(file)) continue;
  const circles = [...dependencies].map((d) => way(d, file)).filter((path) => path !== null);
  if (!circles.length) continue;
  const shortest = circles.reduce((a, b) => (b.length < a.length ? b : a));
  problems.push(`a circle: ${[file, ...shortest].join(' → ')}`);
  for (const other of imports.keys()) if (way(file, other) && way(other, file)) told.add(other);
}
console.log(problems.join('\n') || `${imports.size} modules, no circle`);
process.exit(problems.length === 0 ? 0 : 1);
