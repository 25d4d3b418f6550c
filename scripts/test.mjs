// `npm test`: the quick checks, the builds, then every test. Ends with one line: N passed, N failed, N skipped.
// A check, a build or a test run that breaks counts as one failure, and so does finding no test at all.
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { root, runScripts, show } from './steps.mjs';

const broken = await runScripts(['lint', 'types', 'format', 'unused', 'cycles']);
broken.push(...(await runScripts(['build', 'publint'], 1)));

const cache = join(root, 'node_modules', '.cache', 'graft');
const report = join(cache, 'tests.json');
mkdirSync(cache, { recursive: true });
rmSync(report, { force: true });
const status = await show(`vitest run --reporter=default --reporter=json --outputFile.json="${report}"`);

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

if (broken.length > 0) console.log(`Failed besides the tests: ${broken.join(', ')}.`);
failed += broken.length;
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exit(failed === 0 ? 0 : 1);
