import { suggestion } from '@graftjs/core/extend';
import type { ArgsDef } from 'citty';
import { UsageError } from './errors.ts';

/** What was given, before it is looked at: option values by name, and the rest. */
export type Values = Readonly<Record<string, unknown>> & { readonly _: readonly string[] };

const takesValue = (def: ArgsDef[string]): boolean => def.type === 'string' || def.type === 'enum';

function unknown(option: string, names: readonly string[]): UsageError {
  const meant = suggestion(option.replace(/^-+/, ''), names);
  return new UsageError(
    `unknown option '${option}'; ${meant === undefined ? '--help lists all' : `did you mean --${meant}?`}`,
  );
}

/**
 * Refuses what citty lets pass: unknown options (with the nearest known one), options without their value, and
 * arguments that nobody asked for.
 * @param rest whether any number of positional arguments is fine.
 */
export function checkArgs(raw: readonly string[], defs: ArgsDef, rest = false): void {
  const options = Object.entries(defs).filter(([, d]) => d.type !== 'positional');
  const known = new Map(options);
  const names = [...known.keys()];
  const most = rest ? Infinity : Object.keys(defs).length - names.length;
  let positional = 0;
  const take = (arg: string): void => {
    if (++positional > most) throw new UsageError(`there is one argument too many: '${arg}'`);
  };
  for (let i = 0; i < raw.length; i++) {
    const arg = raw[i]!;
    if (arg === '--') {
      raw.slice(i + 1).forEach(take);
      return;
    }
    if (!arg.startsWith('-') || arg === '-') {
      take(arg);
      continue;
    }
    const equals = arg.indexOf('=');
    const option = equals < 0 ? arg : arg.slice(0, equals);
    const name = option.replace(/^--/, '');
    const def = option.startsWith('--') ? known.get(name) : undefined;
    if (!def) {
      const negated = option.startsWith('--no-') && equals < 0 ? known.get(name.slice(3)) : undefined;
      if (negated?.type !== 'boolean') throw unknown(option, names);
    } else if (takesValue(def)) {
      const value = equals < 0 ? raw[++i] : arg.slice(equals + 1);
      if (value === undefined || value === '' || value.startsWith('--')) {
        throw new UsageError(`--${name} wants a value${def.valueHint ? `: --${name} ${def.valueHint}` : ''}`);
      }
    } else if (equals >= 0) {
      throw new UsageError(`--${name} takes no value; write --${name} or --no-${name}`);
    }
  }
}

/** The value of an option, or undefined. */
export function text(values: Values, name: string): string | undefined {
  const value = values[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export function flag(values: Values, name: string): boolean {
  return values[name] === true;
}

/** A positional argument that must be there. */
export function required(values: Values, name: string, what: string): string {
  const value = text(values, name);
  if (value === undefined) throw new UsageError(`${what} is missing; see --help`);
  return value;
}

interface Range {
  readonly min?: number;
  readonly max?: number;
  /** Whole numbers only. */
  readonly whole?: boolean;
  /** `min` itself is too small. */
  readonly above?: boolean;
}

/** An option's number, checked. */
export function number(values: Values, name: string, range: Range): number | undefined {
  const given = text(values, name);
  if (given === undefined) return undefined;
  const { min = -Infinity, max = Infinity, whole = false, above = false } = range;
  const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(given) ? Number(given) : NaN;
  const fits =
    value <= max && (above ? value > min : value >= min) && (!whole || Number.isSafeInteger(value));
  if (!fits) {
    const low = min === -Infinity ? '' : above ? ` above ${min}` : ` from ${min}`;
    const high = max === Infinity ? (min === -Infinity || above ? '' : ' up') : ` to ${max}`;
    throw new UsageError(`--${name} wants a ${whole ? 'whole ' : ''}number${low}${high}, not '${given}'`);
  }
  return value;
}

/** An option that is one of a few words. */
export function choice<T extends string>(values: Values, name: string, allowed: readonly T[]): T | undefined {
  const given = text(values, name);
  if (given === undefined) return undefined;
  const found = allowed.find((a) => a === given);
  if (found === undefined) {
    const meant = suggestion(given, allowed);
    const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
    throw new UsageError(`--${name} is one of ${allowed.join(', ')}, not '${given}'${hint}`);
  }
  return found;
}
