import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { CaseRecord } from '../../src/records.ts';

/*
 * The records of the suite's runs, one file for each target and platform: reporter.ts writes them, write.ts makes
 * docs/support.md of them.
 */
const FOLDER = fileURLToPath(new URL('../../../../node_modules/.cache/graft/conformance/', import.meta.url));

export function saveRecords(records: readonly [CaseRecord, ...CaseRecord[]]): void {
  const [{ target, platform }] = records;
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(`${FOLDER}${target.replace(/\W+/g, '-')}.${platform}.json`, JSON.stringify(records));
}

/** Of all runs, whatever they were. */
export function savedRecords(): CaseRecord[] {
  let files: string[] = [];
  try {
    files = readdirSync(FOLDER);
  } catch {
    // There was no run.
  }
  return files.flatMap((file) => JSON.parse(readFileSync(FOLDER + file, 'utf8')) as CaseRecord[]);
}
