import { writeFileSync } from 'node:fs';
import { supportOf, supportTable } from '../../src/support.ts';
import { allTargets, otherTargets, SUPPORT_FILE } from './targets.ts';

const reports = [];
for (const target of await allTargets()) reports.push(await supportOf(target));
writeFileSync(SUPPORT_FILE, supportTable(reports, await otherTargets()));
