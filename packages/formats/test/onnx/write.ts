import { writeFileSync } from 'node:fs';
import { createCpuBackend } from '@graftjs/backend-cpu';
import { onnxCases } from './cases.ts';
import { verdictsOn } from './run.ts';
import { onnxTable, ONNX_FILE } from './table.ts';

const verdicts = await verdictsOn(await createCpuBackend(), onnxCases());
for (const v of verdicts.filter(({ status }) => status === 'failed'))
  console.error(`${v.case.suite} ${v.case.name}: ${v.reason}`);
writeFileSync(ONNX_FILE, onnxTable(verdicts));
