import type { Reporter, TestModule, TestSuite } from 'vitest/node';
import type { CaseRecord } from '../../src/records.ts';
import { saveRecords } from './records.ts';

/** A vitest reporter that keeps what became of every case of the suites that ran whole, in Node or in a browser. */
export default class RecordsReporter implements Reporter {
  onTestModuleEnd(module: TestModule): void {
    for (const child of module.children.suites()) {
      if (child.name.startsWith('conformance of ')) this.#keep(child);
    }
  }

  #keep(suite: TestSuite): void {
    const records: CaseRecord[] = [];
    for (const test of suite.children.allTests()) {
      const { conformance: record } = test.meta() as { conformance?: CaseRecord };
      if (record) records.push(record);
      else if (test.result().state === 'skipped') return; // by a filter: it did not run whole
    }
    const [first, ...others] = records;
    if (first) saveRecords([first, ...others]);
  }
}
