import type { ArgsDef } from 'citty';
import type { Command } from './commands/command.ts';
import { pairs } from './table.ts';

const indent = (text: string): string => text.replace(/^/gm, '  ');

/** '--out FILE', '--no-report', '--force' */
function spelling(name: string, def: ArgsDef[string]): string {
  if (def.type !== 'boolean') return `--${name}${def.valueHint === undefined ? '' : ` ${def.valueHint}`}`;
  return def.default === true ? `--no-${name}` : `--${name}`;
}

function explanation(def: ArgsDef[string]): string {
  const negative = def.type === 'boolean' && def.default === true ? def.negativeDescription : undefined;
  return negative ?? def.description ?? '';
}

/** What `--help` prints. */
export function usage(name: string, command: Command, bold: (text: string) => string): string {
  const entries = Object.entries(command.args);
  const positional = entries.filter(([, d]) => d.type === 'positional');
  const options = entries.filter(([, d]) => d.type !== 'positional');
  const word = (key: string, i: number): string =>
    `${key.toUpperCase()}${command.rest && i === positional.length - 1 ? '…' : ''}`;
  const words = positional.map(([key], i) => word(key, i));
  return [
    command.summary,
    '',
    bold(['graft', name, ...words, ...(options.length ? ['[options]'] : [])].join(' ')),
    ...(positional.length
      ? ['', indent(pairs(positional.map(([, d], i) => [words[i]!, d.description ?? ''])))]
      : []),
    '',
    indent(
      pairs([
        ...options.map(([key, d]) => [spelling(key, d), explanation(d)] as const),
        ['--help', 'Show this'],
      ]),
    ),
    '',
    bold('for example'),
    ...command.examples.map(indent),
    '',
  ].join('\n');
}
