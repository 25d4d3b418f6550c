// `npm test`: the quick checks and the builds, then every test, in Node and in a browser. Ends with how long everything
// took and one line: N passed, N failed, N skipped. A check, a build or a test run that breaks counts as one failure, and so
// does a project of tests in which nothing was found. Where no browser is to be had, its test files count as skipped; with
// CI=true, that is a failure.
//
// `npm test -- PATTERN…` runs the test files whose path has one of the patterns in it, and nothing else; all of vitest's
// options work, too (`npm test -- --project unit`, `npm test -- backend-wasm -t 'conv 2-D'`).
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fetchChromium, findChromium } from './chromium.mjs';
import { root, runScripts, show } from './steps.mjs';
import { REPORT } from './test-reporter.mjs';

const filters = process.argv.slice(2);
const whole = filters.length === 0;
const began = Date.now();

// Longest first, so that both lanes end together. Builds do not read what the checks read, and write to dist only.
const broken = whole
  ? await runScripts([['build', 'publint'], 'lint', 'types', 'unused', 'format', 'cycles'])
  : [];
const checked = (Date.now() - began) / 1000;

const browser = findChromium() ?? (whole ? await fetchChromium() : null);
if (browser && whole) console.log(`Browser tests run in ${browser}`);

// Records of the conformance suite and the report, all of this run.
if (whole) rmSync(dirname(REPORT), { recursive: true, force: true });
rmSync(REPORT, { force: true });
mkdirSync(dirname(REPORT), { recursive: true });
const reporters = ['default', 'packages/conformance/test/support/reporter.ts', 'scripts/test-reporter.mjs'];
const quoted = [...reporters.map((name) => `--reporter=${name}`), ...filters].map((text) => `"${text}"`);
const status = await show(`vitest run ${quoted.join(' ')}`);

let [passed, failed, skipped] = [0, 0, 0];
let report = { projects: [], files: [], unhandled: 0 };
try {
  report = JSON.parse(readFileSync(REPORT, 'utf8'));
} catch (error) {
  console.error(`vitest left no readable report: ${error.message}`);
}
for (const file of report.files) {
  passed += file.passed;
  failed += file.failed;
  skipped += file.skipped;
}
failed += report.unhandled;
if ((status !== 0 || passed === 0) && failed === 0) broken.push('vitest');
if (whole) {
  const empty = report.projects.filter((name) => !report.files.some(({ project }) => project === name));
  broken.push(...empty.map((name) => `${name}: no test was found`));
}

if (browser && whole && failed === 0) {
  // The table of what every backend does is what these very runs have shown.
  const check =
    'node --conditions=@graftjs/source --import tsx packages/conformance/test/support/write.ts --check';
  if ((await show(check)) !== 0) broken.push('docs/support.md');
}
if (!browser && whole) {
  const files = browserTests();
  skipped += files.length;
  console.log(`
****************************************************************************************************
  ${files.length} FILES OF TESTS WERE SKIPPED: there is no Chromium or Chrome here, and playwright could not get one.
  To run them: install one (Debian: apt-get install chromium), or set CHROME_PATH to the path of yours.
****************************************************************************************************`);
  if (process.env.CI) broken.push('the browser tests, which CI must run');
}
if (whole) showTimes();
if (broken.length > 0) console.log(`Failed besides the tests: ${broken.join(', ')}.`);
failed += broken.length;
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exit(failed === 0 ? 0 : 1);

function browserTests() {
  return readdirSync(join(root, 'packages'))
    .map((name) => join(root, 'packages', name, 'test'))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder, { recursive: true }))
    .filter((file) => file.endsWith('.browser.test.ts'));
}

/** Seconds of the checks and builds, of each project, of the slowest files. Projects run side by side: theirs add up to more. */
function showTimes() {
  const row = (seconds, text) => console.log(`${seconds.toFixed(1).padStart(8)} s  ${text}`);
  const sum = (files) => files.reduce((total, { seconds }) => total + seconds, 0);
  console.log(`\nIn ${((Date.now() - began) / 1000).toFixed(0)} s, of which`);
  row(checked, 'checks and builds');
  for (const name of report.projects) {
    const files = report.files.filter(({ project }) => project === name);
    row(sum(files), `${name}: ${files.length} files`);
  }
  console.log('The slowest files');
  const slowest = [...report.files].sort((a, b) => b.seconds - a.seconds).slice(0, 20);
  for (const { seconds, project, file } of slowest) row(seconds, `${project}: ${file}`);
  console.log();
}
