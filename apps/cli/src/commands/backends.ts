import { flag } from '../args.ts';
import type { BackendEntry, Feature } from '../backend-entry.ts';
import { BACKENDS, DEFAULT_BACKEND } from '../backends.ts';
import { oneLine, painter } from '../io.ts';
import { createBackend, whyNot } from '../open-backend.ts';
import { table } from '../table.ts';
import type { Command } from './command.ts';

interface Row {
  readonly name: string;
  readonly default: boolean;
  readonly available: boolean;
  /** Why it cannot run here and what to do about it; null if it can. */
  readonly reason: string | null;
  /** Threads that it works with where nobody asks for another number; null if it cannot run here. */
  readonly threads: number | null;
  readonly notes: readonly string[];
  readonly features: readonly Feature[];
  readonly summary: string;
}

/** Opens the backend and closes it again: what is said of it has been tried. */
async function look(entry: BackendEntry): Promise<Row> {
  const { name, summary } = entry;
  const features = (await entry.features?.()) ?? [];
  const about = { name, summary, features, default: name === DEFAULT_BACKEND };
  try {
    const opened = await createBackend({ backend: name, threads: null });
    const { threads, notes } = opened;
    await opened.backend.dispose();
    return { ...about, available: true, reason: null, threads, notes };
  } catch (error) {
    return { ...about, available: false, reason: whyNot(error), threads: null, notes: [] };
  }
}

function show(rows: readonly Row[], bold: (text: string) => string): string {
  const columns = [
    { title: 'backend' },
    { title: 'here' },
    { title: 'threads', right: true },
    { title: 'what it is' },
  ];
  const cells = rows.map((r) => [
    `${r.name}${r.default ? ' (default)' : ''}`,
    r.available ? 'yes' : 'no',
    String(r.threads ?? '–'),
    r.summary,
  ]);
  const remarks = rows.flatMap((r) =>
    (r.reason === null ? r.notes : [`'${r.name}' cannot run here: ${r.reason}`]).map(oneLine),
  );
  const features = rows
    .filter((r) => r.features.length > 0)
    .map((r) => {
      const lines = r.features.map((f) => [`  ${f.name}`, f.here ? 'yes' : 'no', f.note ?? '']);
      return `${bold(`what this Node has for ${r.name}`)}\n${table([{ title: '' }, { title: '' }, { title: '' }], lines)}`;
    });
  return [table(columns, cells), ...(remarks.length ? [remarks.join('\n')] : []), ...features].join('\n\n');
}

export const backends: Command = {
  summary: 'List what can do the arithmetic here',
  args: { json: { type: 'boolean', description: 'One JSON object on standard output' } },
  examples: ['graft backends', 'graft backends --json'],
  async run(values, io) {
    const rows: Row[] = [];
    for (const entry of BACKENDS) rows.push(await look(entry));
    const paint = painter(io.stdout, io.env);
    io.stdout.write(
      flag(values, 'json')
        ? `${JSON.stringify({ backends: rows })}\n`
        : `${show(rows, (text) => paint('bold', text))}\n`,
    );
  },
};
