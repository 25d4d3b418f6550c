// `pnpm check`: everything that is quick, before each commit. Slowest first, so that both lanes end together.
import { runScripts } from './steps.mjs';

const failed = await runScripts(['lint', 'unit', 'types', 'format', 'unused', 'cycles']);
process.exit(failed.length === 0 ? 0 : 1);
