import { integerType } from '../graph/element.ts';
import { Unsupported } from '../graph/lowering.ts';
import { wrapped } from '../graph/translations.ts';
import type { Translation } from './lower.ts';
import { attrInt, attrString } from './node.ts';

/** `fmod` takes the sign of the dividend, and is what floats must use; otherwise that of the divisor. */
const mod: Translation = (node, to) => {
  const inputs = [to.input(0), to.input(1)];
  const fmod = attrInt(node, 'fmod', 0) !== 0;
  if (integerType(to.elementOf(0))) return to.give(fmod ? 'integerRemainder' : 'integerModulo', inputs);
  if (!fmod) throw new Unsupported('fmod 0 of floats');
  to.give('fmod', inputs);
};

/** The type is that of the base. A float exponent of whole numbers counts only where it is known to be whole itself. */
const pow: Translation = (_, to) => {
  const [a, b] = [to.input(0), to.input(1)];
  const whole = integerType(to.elementOf(0));
  const exponent = integerType(to.elementOf(1));
  if (!whole) {
    const floats = exponent ? to.add('cast', [b], { dtype: 'float32' }) : b;
    return to.give('pow', [a, floats], {}, to.elementOf(0));
  }
  let n = b;
  if (!exponent) {
    const known = to.knownInput(1);
    if (!known?.array.values.every(Number.isInteger)) throw new Unsupported('whole numbers to a float power');
    n = to.add('cast', [known], { dtype: 'int32' });
  }
  to.output(wrapped(to, to.add('integerPower', [a, n], {}, to.elementOf(0)), to.elementOf(0)));
};

/** By a known number of bits: a product with a power of two, or a quotient rounded down. */
const bitShift: Translation = (node, to) => {
  const element = to.elementOf(0);
  const type = integerType(element);
  if (!type || type.signed) throw new Unsupported(`of ${element ?? 'an unknown type'}`);
  const left = attrString(node, 'direction', '') === 'LEFT';
  if (left && type.bits > 16) throw new Unsupported(`${element} to the left: int32 does not hold it`);
  const power = to.add('integerPower', [to.number(2, 'int32'), to.input(1)], {}, element);
  const shifted = to.add(left ? 'mul' : 'integerQuotient', [to.input(0), power], {}, element);
  to.output(left ? wrapped(to, shifted, element) : shifted);
};

const isInf: Translation = (node, to) => {
  const [low, high] = [attrInt(node, 'detect_negative', 1) !== 0, attrInt(node, 'detect_positive', 1) !== 0];
  const x = to.input(0);
  if (low && high) return to.give('equal', [to.add('abs', [x]), to.number(Infinity)]);
  if (low || high) return to.give('equal', [x, to.number(low ? -Infinity : Infinity)]);
  throw new Unsupported('detects nothing');
};

export const mathOps: Readonly<Record<string, Translation>> = {
  Mod: mod,
  Pow: pow,
  BitShift: bitShift,
  Xor: (_, to) => to.give('notEqual', [to.input(0), to.input(1)]),
  /** NaN alone differs from itself. */
  IsNaN: (_, to) => to.give('notEqual', [to.input(0), to.input(0)]),
  IsInf: isInf,
};
