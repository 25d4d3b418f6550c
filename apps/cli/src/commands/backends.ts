import { flag } from '../args.ts';
import { BACKENDS, DEFAULT_BACKEND } from '../backends.ts';
import type { Command } from '../run.ts';
import { table } from '../table.ts';

export const backends: Command = {
  summary: 'List what can do the arithmetic here',
  args: { json: { type: 'boolean', description: 'One JSON object on standard output' } },
  examples: ['graft backends', 'graft backends --json'],
  async run(values, io) {
    const rows = await Promise.all(
      BACKENDS.map(async ({ name, summary, available }) => {
        const reason = await available();
        return { name, available: reason === null, reason, default: name === DEFAULT_BACKEND, summary };
      }),
    );
    if (flag(values, 'json')) {
      io.stdout.write(`${JSON.stringify({ backends: rows })}\n`);
      return;
    }
    const columns = [{ title: 'backend' }, { title: 'here' }, { title: 'what it is' }];
    const cells = rows.map((r) => [
      `${r.name}${r.default ? ' (default)' : ''}`,
      r.available ? 'yes' : 'no',
      r.reason === null ? r.summary : `${r.summary}; ${r.reason}`,
    ]);
    io.stdout.write(`${table(columns, cells)}\n`);
  },
};
