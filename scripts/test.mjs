// `npm test`: the quick checks, the builds, then every test, in Node and in a browser. Ends with one line: N passed,
// N failed, N skipped. A check, a build or a test run that breaks counts as one failure, and so does finding no test at
// all. Where no browser is to be had, its test files count as skipped; with CI=true, that is a failure.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fetchChromium, findChromium } from './chromium.mjs';
import { root, runScripts, show } from './steps.mjs';

const broken = await runScripts(['lint', 'types', 'format', 'unused', 'cycles']);
broken.push(...(await runScripts(['build', 'publint'], 1)));

const browser = findChromium() ?? (await fetchChromium());
if (browser) console.log(`Browser tests run in ${browser}`);

const cache = join(root, 'node_modules', '.cache', 'graft');
const report = join(cache, 'tests.json');
rmSync(cache, { recursive: true, force: true });
mkdirSync(cache, { recursive: true });
const records = 'packages/conformance/test/support/reporter.ts';
const status = await show(
  `vitest run --reporter=default --reporter=${records} --reporter=json --outputFile.json="${report}"`,
);

let [passed, failed, skipped] = [0, 0, 0];
try {
  const results = JSON.parse(readFileSync(report, 'utf8'));
  passed = results.numPassedTests;
  skipped = results.numPendingTests + results.numTodoTests;
  failed = results.numFailedTests;
  // A test file that breaks outside its tests (an import, a hook) has no failed test in it.
  failed += results.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  ).length;
} catch (error) {
  console.error(`vitest left no readable report: ${error.message}`);
}
if ((status !== 0 || passed === 0) && failed === 0) broken.push('vitest');

if (browser && failed === 0) {
  // The table of what every backend does is what these very runs have shown.
  const check =
    'node --conditions=@graftjs/source --import tsx packages/conformance/test/support/write.ts --check';
  if ((await show(check)) !== 0) broken.push('docs/support.md');
}
if (!browser) {
  const files = browserTests();
  skipped += files.length;
  console.log(`
****************************************************************************************************
  ${files.length} FILES OF TESTS WERE SKIPPED: there is no Chromium or Chrome here, and playwright could not get one.
  To run them: install one (Debian: apt-get install chromium), or set CHROME_PATH to the path of yours.
****************************************************************************************************`);
  if (process.env.CI) broken.push('the browser tests, which CI must run');
}
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
