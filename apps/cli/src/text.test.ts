import { describe, expect, it } from 'vitest';
import { describeError, exitCodeOf, InterruptedError, UsageError } from './errors.ts';
import { clock, count, duration, list, percent, plural, shellWord, speed } from './format.ts';
import { oneLine } from './io.ts';
import { pairs, table, widthOf } from './table.ts';

describe('format', () => {
  it('writes numbers for people', () => {
    expect([count(0), count(999), count(1852), count(1234567)]).toEqual(['0', '999', '1,852', '1,234,567']);
    expect([percent(0.8125), percent(1), percent(NaN)]).toEqual(['81.3 %', '100.0 %', '–']);
    expect([clock(0), clock(75), clock(3700)]).toEqual(['0:00', '1:15', '1:01:40']);
    expect([duration(3.14), duration(59.7), duration(75), duration(7260)]).toEqual([
      '3.1 s',
      '1 min',
      '1 min 15 s',
      '2 h 1 min',
    ]);
    expect([speed(1234.5), speed(98.76), speed(1.234), speed(Infinity)]).toEqual([
      '1,235',
      '98.8',
      '1.2',
      '–',
    ]);
    expect([plural(1, 'picture'), plural(0, 'picture'), plural(2, 'class', 'classes')]).toEqual([
      '1 picture',
      '0 pictures',
      '2 classes',
    ]);
  });

  it('keeps lists short and shell words whole', () => {
    expect(list(['a', 'b', 'c'], 2)).toBe('a, b and 1 more');
    expect(shellWord('a/b.c')).toBe('a/b.c');
    expect(shellWord("it's here")).toBe(`'it'\\''s here'`);
    expect(oneLine('a\n b\u001b[31m')).toBe('a b?[31m');
    expect(oneLine('\u202egpj.exe')).toBe('?gpj.exe');
  });
});

describe('table', () => {
  it('aligns by the width on screen', () => {
    expect(
      table(
        [{ title: 'class' }, { title: 'n', right: true }],
        [
          ['猫', '7'],
          ['dogs', '12'],
        ],
      ),
    ).toBe('class   n\n猫      7\ndogs   12');
    expect(
      pairs([
        ['a', '1'],
        ['bcd', '2'],
      ]),
    ).toBe('a    1\nbcd  2');
    expect([widthOf('é'), widthOf('e\u0301'), widthOf('🐈')]).toEqual([1, 1, 2]);
  });
});

describe('errors', () => {
  it('are one line, with the reason in words', () => {
    const full = Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC', path: '/x/m' });
    expect(describeError(full)).toBe('/x/m cannot be written: the disk is full. Free some space');
    expect(describeError(new TypeError('a\nb'))).toBe(
      'unexpected error: a b. Set GRAFT_DEBUG=1 to see where it comes from',
    );
    expect([new Error('x'), new UsageError('x'), new InterruptedError('x')].map(exitCodeOf)).toEqual([
      1, 2, 130,
    ]);
  });
});
