import type { ArgsDef } from 'citty';
import { describe, expect, it } from 'vitest';
import { checkArgs, choice, number } from './args.ts';

const defs: ArgsDef = {
  folder: { type: 'positional' },
  out: { type: 'string', valueHint: 'FILE' },
  'unlock-from': { type: 'string' },
  report: { type: 'boolean' },
};

describe('checkArgs', () => {
  it('accepts what is known, in both spellings', () => {
    checkArgs(['photos', '--out', 'm', '--no-report', '--unlock-from=block3'], defs);
    checkArgs(['--out=m', '--', '-strange-folder'], defs);
  });

  it.each([
    [['--ouy', 'x'], "unknown option '--ouy'; did you mean --out?"],
    [['--unlock', 'x'], "unknown option '--unlock'; did you mean --unlock-from?"],
    [['--colour', 'x'], "unknown option '--colour'; --help lists all"],
    [['-o', 'x'], "unknown option '-o'; did you mean --out?"],
    [['--no-out'], "unknown option '--no-out'; did you mean --out?"],
    [['--out'], '--out wants a value: --out FILE'],
    [['--out='], '--out wants a value: --out FILE'],
    [['--out', '--report'], '--out wants a value: --out FILE'],
    [['--report=yes'], '--report takes no value; write --report or --no-report'],
    [['a', 'b'], "there is one argument too many: 'b'"],
  ])('refuses %j', (raw, message) => {
    expect(() => checkArgs(raw, defs)).toThrow(message);
  });
});

describe('values', () => {
  const of = (value: string): number | undefined => number({ _: [], n: value }, 'n', { min: 1, whole: true });

  it('reads numbers', () => {
    expect(of('7')).toBe(7);
    expect(of('1e3')).toBe(1000);
    expect(number({ _: [] }, 'n', {})).toBeUndefined();
  });

  it.each(['0', '1.5', 'ten', '-3', '', '0x10', 'Infinity', '1e400'])(
    'refuses %j as a whole number from 1',
    (text) => {
      if (text === '') expect(of(text)).toBeUndefined();
      else expect(() => of(text)).toThrow(`--n wants a whole number from 1 up, not '${text}'`);
    },
  );

  it('says the range', () => {
    const share = (v: string): unknown => number({ _: [], s: v }, 's', { min: 0, max: 0.9 });
    expect(() => share('2')).toThrow("--s wants a number from 0 to 0.9, not '2'");
    expect(() => number({ _: [], lr: '0' }, 'lr', { min: 0, above: true })).toThrow(
      "--lr wants a number above 0, not '0'",
    );
  });

  it('chooses among words', () => {
    expect(choice({ _: [], a: 'light' }, 'a', ['none', 'light'])).toBe('light');
    expect(() => choice({ _: [], a: 'ligth' }, 'a', ['none', 'light'])).toThrow('did you mean light?');
  });
});
