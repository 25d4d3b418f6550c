/** Examples of docstrings, made into modules, type-checked and run. */
import { join } from 'node:path';
import ts from 'typescript';
import { OPTIONS, ROOT, type PublicName } from './api.ts';

export interface Example {
  /** Whose it is: `conv`, `conv #2`. */
  readonly name: string;
  readonly file: string;
  /** A module: the example's text below an import of what it uses. */
  readonly text: string;
}

/** Packages by their names, as `import * as` gives them. */
export type Packages = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** Of core; of the same name, the later counts. */
const DOORS = ['@graftjs/core/extend', '@graftjs/core/backend', '@graftjs/core'];

/** The examples of these docstrings. Names of `own`, and of core, need no import. */
export function examplesOf(names: readonly PublicName[], own: string, packages: Packages): Example[] {
  const homes = new Map<string, string>();
  const entries = Object.keys(packages).filter((entry) => entry.startsWith(`${own}/`));
  for (const home of [...DOORS, ...entries, own])
    for (const name of Object.keys(packages[home] ?? {})) homes.set(name, home);
  return names.flatMap(({ name, file, examples }) =>
    examples.map((code, i) => {
      const declared = [...code.matchAll(/^import ([^]*?) from /gm)].flatMap((m) => m[1]!.match(/\w+/g)!);
      for (const m of code.matchAll(/\b(?:const|let|class|function) (\w+|[{[][^=]*=)/g))
        declared.push(...m[1]!.match(/\w+/g)!);
      const used = [...new Set(code.match(/[A-Za-z_]\w*/g))].filter((word) => !declared.includes(word));
      const imports = used.flatMap((word) =>
        homes.has(word) ? `import { ${word} } from '${homes.get(word)!}';\n` : [],
      );
      return { name: i ? `${name} #${i + 1}` : name, file, text: `${imports.join('')}${code}\nexport {};\n` };
    }),
  );
}

/** What TypeScript has to say against them, one line each. */
export function typeErrors(examples: readonly Example[], oldProgram: ts.Program): string[] {
  const files = new Map(examples.map((e, i) => [join(ROOT, `apps/cli/src/example-${i}.ts`), e]));
  const host = ts.createCompilerHost(OPTIONS);
  const { getSourceFile, fileExists, readFile } = host;
  host.fileExists = (path) => files.has(path) || fileExists(path);
  host.readFile = (path) => files.get(path)?.text ?? readFile(path);
  host.getSourceFile = (path, version, ...rest) => {
    const example = files.get(path);
    return example
      ? ts.createSourceFile(path, example.text, version, true)
      : (oldProgram.getSourceFile(path) ?? getSourceFile(path, version, ...rest));
  };
  const program = ts.createProgram({ rootNames: [...files.keys()], options: OPTIONS, host });
  return [...files].flatMap(([path, { name }]) => {
    const source = program.getSourceFile(path)!;
    const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
    return found.map((d) => `${name}: ${ts.flattenDiagnosticMessageText(d.messageText, ' ')}`);
  });
}

type Show = (line: string, wanted: string, value: unknown) => Promise<void>;
type Body = (packages: Packages, show: Show) => Promise<void>;

/**
 * The examples as functions. They reject with an error that says which line gives something else than it says, or that none
 * says anything.
 */
export function runnable(
  examples: readonly Example[],
  packages: Packages,
): ReadonlyMap<Example, () => Promise<void>> {
  const bodies = examples.map(({ text }) => {
    const code = withShows(text)
      .replace(/^import type .*$|^export \{\};$/gm, '')
      .replace(/^import (\{[^}]*\}) from ('[^']*');/gm, 'const $1 = packages[$2];');
    return `async (packages, show) => {\n${code}\n}`;
  });
  const { outputText } = ts.transpileModule(`const bodies = [${bodies.join(',\n')}];`, {
    compilerOptions: { target: ts.ScriptTarget.ES2023 },
  });
  const run = new Function(`${outputText}\nreturn bodies;`)() as Body[];
  return new Map(
    examples.map((example, i) => [
      example,
      async () => {
        let shown = 0;
        await run[i]!(packages, async (line, wanted, value) => {
          shown++;
          const got = await plain(value);
          if (!agrees(parse(wanted), got)) throw new Error(`${line}\n  gives ${JSON.stringify(got)}`);
        });
        if (!shown) throw new Error('no line says what it gives: // → …');
      },
    ]),
  );
}

/** The text with a call of `show` behind each statement whose last line ends in `// → …`. */
function withShows(text: string): string {
  const source = ts.createSourceFile('example.ts', text, ts.ScriptTarget.ES2023, true);
  let result = text;
  for (const statement of [...source.statements].reverse()) {
    const end = statement.getEnd();
    const line = text.slice(end, text.indexOf('\n', end));
    const wanted = /^\s*\/\/ → (.*)$/.exec(line)?.[1];
    if (wanted === undefined) continue;
    const start = statement.getStart();
    let value: ts.Node | undefined;
    if (ts.isExpressionStatement(statement)) value = statement.expression;
    if (ts.isVariableStatement(statement)) value = statement.declarationList.declarations[0]!.name;
    if (!value)
      throw new Error(`only an expression or a const can say what it gives: ${statement.getText()}`);
    const call = `await show(${JSON.stringify(statement.getText() + line)}, ${JSON.stringify(wanted)}, ${value.getText()});`;
    const from = ts.isExpressionStatement(statement) ? start : end;
    result = result.slice(0, from) + call + result.slice(end);
  }
  const said = text.match(/\/\/ → /g)?.length ?? 0;
  if ((result.match(/await show\(/g)?.length ?? 0) !== said)
    throw new Error('a "// → …" stands behind something that is no statement of its own');
  return result;
}

/** Tensors as nested arrays, typed arrays as arrays; waits for promises. */
async function plain(value: unknown): Promise<unknown> {
  const v = await value;
  if (ArrayBuffer.isView(v)) return Array.from(v as Float32Array);
  if (Array.isArray(v)) return Promise.all(v.map(plain));
  if (v !== null && typeof v === 'object') {
    if ('array' in v && typeof v.array === 'function') return (v.array as () => unknown)();
    const entries = await Promise.all(Object.entries(v).map(async ([k, x]) => [k, await plain(x)] as const));
    return Object.fromEntries(entries);
  }
  return v;
}

function parse(text: string): ts.Expression {
  const source = ts.createSourceFile('value.ts', `(${text})`, ts.ScriptTarget.ES2023, true);
  return ((source.statements[0] as ts.ExpressionStatement).expression as ts.ParenthesizedExpression)
    .expression;
}

/** Numbers agree to the digits that are written: 0.73 stands for 0.725 to 0.735, and 3 for 3 alone. */
function agrees(wanted: ts.Expression, got: unknown): boolean {
  if (ts.isArrayLiteralExpression(wanted)) {
    if (!Array.isArray(got) || got.length !== wanted.elements.length) return false;
    return wanted.elements.every((e, i) => agrees(e, got[i]));
  }
  if (ts.isObjectLiteralExpression(wanted)) {
    if (typeof got !== 'object' || got === null) return false;
    const properties = wanted.properties as ts.NodeArray<ts.PropertyAssignment>;
    if (Object.keys(got).length !== properties.length) return false;
    return properties.every((p) => {
      const key = ts.isStringLiteral(p.name) ? p.name.text : p.name.getText();
      return agrees(p.initializer, (got as Record<string, unknown>)[key]);
    });
  }
  if (ts.isStringLiteral(wanted)) return got === wanted.text;
  const text = wanted.getText();
  const words: Record<string, unknown> = { true: true, false: false, null: null, undefined };
  if (text in words) return got === words[text];
  if (typeof got !== 'number') return false;
  const number = text === '-Infinity' ? -Infinity : Number(text);
  if (Number.isNaN(number) && text !== 'NaN') throw new Error(`"→ ${text}" is no value`);
  const [, decimals = '', exponent = '0'] = /^-?\d+\.?(\d*)(?:e(.*))?$/.exec(text) ?? [];
  const within = decimals ? 0.501 * 10 ** (Number(exponent) - decimals.length) : 0;
  return Object.is(got, number) || got === number || Math.abs(got - number) <= within;
}
