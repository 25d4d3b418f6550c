import { FormatError } from './errors.ts';

/** Objects become maps: no key, not even `__proto__`, means anything special. */
export type StrictJson = null | boolean | number | string | StrictJson[] | Map<string, StrictJson>;

/** Is it an object of parsed JSON, not a list? */
export const isRecord = (v: unknown): v is Record<string, unknown> =>
  typeof v === 'object' && v !== null && !Array.isArray(v);

const MAX_DEPTH = 64;
const [QUOTE, BACKSLASH] = [0x22, 0x5c];
const isSpace = (c: number): boolean => c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09;

/**
 * JSON (RFC 8259) from bytes that nobody vouches for. Unlike `JSON.parse` it refuses duplicate keys, nesting deeper
 * than 64 and malformed UTF-8, and its errors carry the exact byte.
 * @param base what to add to positions in messages: where `bytes` starts in the file.
 * @throws FormatError
 */
export function parseStrictJson(bytes: Uint8Array, base = 0): StrictJson {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let at = 0;

  const fail = (message: string, where = at): never => {
    throw new FormatError(message, base + where);
  };
  const text = (from: number, to: number): string => {
    try {
      return decoder.decode(bytes.subarray(from, to));
    } catch {
      return fail('text is not UTF-8', from);
    }
  };
  const skip = (): void => {
    while (at < bytes.length && isSpace(bytes[at]!)) at++;
  };
  const next = (char: string): void => {
    skip();
    if (bytes[at] !== char.charCodeAt(0)) fail(`expected '${char}'`);
    at++;
  };

  function string(): string {
    skip();
    const start = at;
    if (bytes[at] !== QUOTE) fail('expected a string');
    for (at++; bytes[at] !== QUOTE; at++) {
      if (at >= bytes.length) fail('a string has no end', start);
      if (bytes[at] === BACKSLASH) at++;
    }
    at++;
    try {
      return JSON.parse(text(start, at)) as string; // escapes
    } catch (error) {
      if (error instanceof FormatError) throw error;
      return fail('a string has a bad escape or a control character', start);
    }
  }

  function word(): StrictJson {
    const start = at;
    while (at < bytes.length && !isSpace(bytes[at]!) && !',]}:"[{'.includes(String.fromCharCode(bytes[at]!)))
      at++;
    if (at === start) fail('expected a value');
    if (at - start > 100) fail('expected a value', start);
    const token = text(start, at);
    if (token === 'null') return null;
    if (token === 'true' || token === 'false') return token === 'true';
    if (!/^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(token)) fail('expected a value', start);
    return Number(token) + 0; // never −0
  }

  function value(depth: number): StrictJson {
    if (depth > MAX_DEPTH) fail(`nested deeper than ${MAX_DEPTH}`);
    skip();
    const c = bytes[at];
    if (c === QUOTE) return string();
    if (c === 0x7b) return object(depth);
    if (c === 0x5b) return array(depth);
    return word();
  }

  function object(depth: number): Map<string, StrictJson> {
    const out = new Map<string, StrictJson>();
    next('{');
    skip();
    if (bytes[at] === 0x7d) return (at++, out);
    for (;;) {
      skip();
      const where = at;
      const key = string();
      if (out.has(key)) fail(`the key ${JSON.stringify(key.slice(0, 80))} appears twice`, where);
      next(':');
      out.set(key, value(depth + 1));
      skip();
      if (bytes[at] === 0x7d) return (at++, out);
      next(',');
    }
  }

  function array(depth: number): StrictJson[] {
    const out: StrictJson[] = [];
    next('[');
    skip();
    if (bytes[at] === 0x5d) return (at++, out);
    for (;;) {
      out.push(value(depth + 1));
      skip();
      if (bytes[at] === 0x5d) return (at++, out);
      next(',');
    }
  }

  const result = value(0);
  skip();
  if (at < bytes.length) fail('there is something after the JSON');
  return result;
}
