import { suggestion } from '@graftjs/core/extend';
import { parseArgs, type ArgsDef } from 'citty';
import { checkArgs, type Values } from './args.ts';
import type { Command } from './commands/command.ts';
import { describeError, exitCodeOf, UsageError } from './errors.ts';
import { painter, type Io, type Output } from './io.ts';
import { usage } from './usage.ts';
import { version } from './version.ts';

/** Loaded when they are wanted: `graft --help` need not load the image library. */
const COMMANDS: Record<string, () => Promise<Command>> = {
  train: async () => (await import('./commands/train.ts')).train,
  evaluate: async () => (await import('./commands/evaluate.ts')).evaluate,
  predict: async () => (await import('./commands/predict.ts')).predict,
  inspect: async () => (await import('./commands/inspect.ts')).inspect,
  convert: async () => (await import('./commands/convert.ts')).convert,
  backends: async () => (await import('./commands/backends.ts')).backends,
};

const HELP: ArgsDef = { help: { type: 'boolean', description: 'Show this' } };

async function overview(out: Output, io: Io): Promise<void> {
  const bold = painter(out, io.env);
  const width = Math.max(...Object.keys(COMMANDS).map((n) => n.length));
  out.write(
    'graft: train an image classifier on your own pictures, on top of a network somebody has trained\n\n',
  );
  for (const [name, load] of Object.entries(COMMANDS)) {
    out.write(`  ${bold('bold', `graft ${name.padEnd(width)}`)}  ${(await load()).summary}\n`);
  }
  out.write("\n'graft COMMAND --help' explains a command, 'graft --version' says which Graft this is.\n");
}

async function dispatch(argv: readonly string[], io: Io): Promise<void> {
  const [first, ...others] = argv;
  if (first === undefined) {
    await overview(io.stderr, io);
    throw new UsageError('which command?');
  }
  if (['--version', '-v', '-V', 'version'].includes(first)) {
    io.stdout.write(`${version()}\n`);
    return;
  }
  const asksHelp = first === 'help' || first === '--help' || first === '-h';
  const name = asksHelp ? others[0] : first;
  if (name === undefined) return overview(io.stdout, io);
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!load) {
    if (name.startsWith('-'))
      throw new UsageError(`the command comes first: graft COMMAND ${name} …; see graft --help`);
    const names = Object.keys(COMMANDS);
    const meant = suggestion(name, names);
    throw new UsageError(
      `unknown command '${name}'; ${meant === undefined ? `the commands are ${names.join(', ')}` : `did you mean '${meant}'?`}`,
    );
  }
  const command = await load();
  const args: ArgsDef = { ...command.args, ...HELP };
  if (asksHelp || others.includes('--help') || others.includes('-h')) {
    const paint = painter(io.stdout, io.env);
    io.stdout.write(usage(name, command, (text) => paint('bold', text)));
    return;
  }
  checkArgs(others, args, command.rest);
  const optional = Object.fromEntries(
    Object.entries(args).map(([key, def]) => [
      key,
      def.type === 'positional' ? { ...def, required: false } : def,
    ]),
  );
  await command.run(parseArgs(others, optional as ArgsDef) as unknown as Values, io);
}

/** Runs one command line; never throws. Returns the exit code: 0, 1 (it failed), 2 (wrong usage), or 128 and the
 * number of the signal that ended it (130: Ctrl-C). */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  try {
    await dispatch(argv, io);
    return 0;
  } catch (error) {
    const paint = painter(io.stderr, io.env);
    io.stderr.write(`${paint('red', 'graft:')} ${describeError(error)}\n`);
    if (io.env['GRAFT_DEBUG'] === '1' && error instanceof Error) io.stderr.write(`${error.stack ?? ''}\n`);
    return exitCodeOf(error);
  }
}
