/** What a package exports, and what its docstrings must say: read from the sources with TypeScript's parser. */
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import ts from 'typescript';

export const ROOT: string = join(import.meta.dirname, '../../../..');

export const OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
  module: ts.ModuleKind.NodeNext,
  customConditions: ['@graftjs/source'],
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: true,
  allowImportingTsExtensions: true,
  noEmit: true,
  types: ['node'],
};

/** A public function or class. */
export interface PublicName {
  readonly name: string;
  /** Path from the root. */
  readonly file: string;
  /** Its docstring, without the stars. */
  readonly doc: string;
  /** Of each `@example`. */
  readonly examples: readonly string[];
  /** What the docstring must say and does not. */
  readonly missing: readonly Requirement[];
}

/** See the head of `docstrings.test.ts`. */
export type Requirement = 'docstring' | 'example' | 'shape' | 'throws';

interface PackageJson {
  readonly exports: Record<string, string | { readonly '@graftjs/source': string }>;
}

/** All public functions and classes of packages, of every entry of their `exports`; by folder. */
export function publicNames(folders: readonly string[]): {
  readonly names: ReadonlyMap<string, readonly PublicName[]>;
  readonly program: ts.Program;
} {
  const entries = new Map(folders.map((folder) => [folder, entriesOf(folder)]));
  const program = ts.createProgram({ rootNames: [...entries.values()].flat(), options: OPTIONS });
  const checker = program.getTypeChecker();
  const mayThrow = throwing(checker);
  const namesIn = (folder: string): PublicName[] => {
    const found = new Map<ts.Symbol, PublicName>();
    for (const entry of entries.get(folder)!) {
      const source = program.getSourceFile(entry)!;
      for (let symbol of checker.getExportsOfModule(checker.getSymbolAtLocation(source)!)) {
        if (symbol.flags & ts.SymbolFlags.Alias) symbol = checker.getAliasedSymbol(symbol);
        const declarations = (symbol.declarations ?? []).filter((d) => callable(d, checker));
        const file = declarations[0] && relative(ROOT, declarations[0].getSourceFile().fileName);
        if (file?.startsWith(`${folder}/`))
          found.set(symbol, describe(symbol, file, declarations, checker, mayThrow));
      }
    }
    return [...found.values()];
  };
  return { names: new Map(folders.map((folder) => [folder, namesIn(folder)])), program };
}

/** All names, types included, of each entry of a package. */
export function doorsOf(folder: string, program: ts.Program): Record<string, string[]> {
  const { exports } = JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8')) as PackageJson;
  const checker = program.getTypeChecker();
  const namesOf = (path: string): string[] => {
    const symbol = checker.getSymbolAtLocation(program.getSourceFile(join(ROOT, folder, path))!)!;
    return checker.getExportsOfModule(symbol).map((s) => s.name);
  };
  return Object.fromEntries(
    Object.entries(exports).flatMap(([door, e]) =>
      typeof e === 'string' ? [] : [[door, namesOf(e['@graftjs/source'])]],
    ),
  );
}

function entriesOf(folder: string): string[] {
  const { exports } = JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8')) as PackageJson;
  return Object.values(exports).flatMap((e) =>
    typeof e === 'string' ? [] : join(ROOT, folder, e['@graftjs/source']),
  );
}

function callable(d: ts.Declaration, checker: ts.TypeChecker): boolean {
  if (ts.isFunctionDeclaration(d) || ts.isClassDeclaration(d)) return true;
  return ts.isVariableDeclaration(d) && checker.getTypeAtLocation(d).getCallSignatures().length > 0;
}

function describe(
  symbol: ts.Symbol,
  file: string,
  declarations: readonly ts.Declaration[],
  checker: ts.TypeChecker,
  mayThrow: (node: ts.Node | undefined) => boolean,
): PublicName {
  const doc = declarations.map(docstring).join('\n');
  const type = checker.getTypeOfSymbol(symbol);
  const signatures = type.getCallSignatures();
  const gives = signatures.map((s) => s.getReturnType());
  const takes = signatures.flatMap((s) => s.parameters.map((p) => checker.getTypeOfSymbol(p)));
  const tensors = [...gives, ...takes].some((t) => hasTensor(t, checker));
  const isLayer = declarations.some((d) => ts.isClassDeclaration(d) && isModule(d, checker));
  const isOptimizer = gives.some((t) => t.symbol?.name === 'Optimizer');
  const isOp = tensors && /^packages\/core\/src\/(ops|functional)\//.test(file);
  const examples = [...doc.matchAll(/^@example\b([^]*?)(?=^@\w|$(?![^]))/gm)].map((m) => m[1]!.trim());
  const wanted = {
    docstring: doc !== '',
    example: examples.length > 0 || !(isLayer || isOptimizer || isOp || EXAMPLES.test(symbol.name)),
    shape: !tensors || /`\[[^`]*\]`|\b(any|same) shape\b|\bscalar/i.test(doc),
    throws: /(^|\s)@throws\b/.test(doc) || signatures.length === 0 || !declarations.some(mayThrow),
  };
  const missing = (Object.keys(wanted) as Requirement[]).filter((k) => !wanted[k]);
  return { name: symbol.name, file, doc, examples, missing };
}

/** What a stranger looks for first. */
const EXAMPLES = /^(fit|transfer|compile|create\w+Backend)$/;

/** The text of the comment above a declaration. */
function docstring(d: ts.Declaration): string {
  const node = ts.isVariableDeclaration(d) ? d.parent.parent : d;
  const comments = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc);
  const lines = (comments.at(-1)?.getText() ?? '')
    .replace(/^\/\*\*/, '')
    .replace(/\*\/$/, '')
    .split('\n');
  return lines
    .map((line) => line.replace(/^\s*\* ?/, ''))
    .join('\n')
    .trim();
}

/** Is it a tensor, or does it hold tensors: in a list, a record or a promise, as one of several? */
function hasTensor(type: ts.Type, checker: ts.TypeChecker, depth = 2): boolean {
  if (type.symbol?.name === 'Tensor') return true;
  if (type.isUnionOrIntersection()) return type.types.some((t) => hasTensor(t, checker, depth));
  if (depth > 0 && type.getCallSignatures().length > 0) return false;
  const reference = type as ts.TypeReference;
  return depth > 0 && reference.target !== undefined
    ? checker.getTypeArguments(reference).some((t) => hasTensor(t, checker, depth - 1))
    : false;
}

function isModule(d: ts.ClassDeclaration, checker: ts.TypeChecker): boolean {
  if (ts.getModifiers(d)?.some((m) => m.kind === ts.SyntaxKind.AbstractKeyword)) return false;
  for (let t = checker.getTypeAtLocation(d); ;) {
    const base = t.getBaseTypes()?.[0];
    if (!base) return false;
    if (base.symbol?.name === 'Module') return true;
    t = base;
  }
}

/**
 * Can a call of a function throw, as far as its text shows? It can where a `throw` stands in it, or in a function that it
 * calls by name, or in `infer` of the op that it applies, or in the constructor of a class that it makes. Not looked into:
 * methods, and functions that are handed in.
 */
function throwing(checker: ts.TypeChecker): (node: ts.Node | undefined) => boolean {
  const known = new Map<ts.Node, boolean>();
  const inside = (node: ts.Node): boolean => {
    if (ts.isThrowStatement(node)) return true;
    if (
      (ts.isCallExpression(node) || ts.isNewExpression(node)) &&
      targets(node.expression, checker).some(mayThrow)
    )
      return true;
    return ts.forEachChild(node, (child) => inside(child) || undefined) ?? false;
  };
  const mayThrow = (node: ts.Node | undefined): boolean => {
    if (!node) return false;
    if (!known.has(node)) {
      known.set(node, false); // a recursion adds nothing
      known.set(node, inside(node));
    }
    return known.get(node)!;
  };
  return mayThrow;
}

/** The bodies that a call of this expression runs. */
function targets(callee: ts.Expression, checker: ts.TypeChecker): ts.Node[] {
  let name: ts.Node = callee;
  if (ts.isPropertyAccessExpression(callee)) {
    if (callee.name.text !== 'apply' && callee.expression.getText() !== 'ops') return [];
    name = callee.name.text === 'apply' ? callee.expression : callee.name;
  }
  let symbol = checker.getSymbolAtLocation(name);
  if (symbol && symbol.flags & ts.SymbolFlags.Alias) symbol = checker.getAliasedSymbol(symbol);
  return (symbol?.declarations ?? []).flatMap((d): ts.Node[] => {
    if (!/packages\/[\w-]+\/src\//.test(d.getSourceFile().fileName)) return [];
    if (ts.isFunctionDeclaration(d)) return d.body ? [d.body] : [];
    if (ts.isClassDeclaration(d)) return d.members.filter(ts.isConstructorDeclaration);
    const value = ts.isVariableDeclaration(d) ? d.initializer : undefined;
    if (!value) return [];
    if (ts.isArrowFunction(value) || ts.isFunctionExpression(value)) return [value.body];
    const made = ts.isCallExpression(value) ? value.arguments[0] : undefined;
    if (!made || !ts.isObjectLiteralExpression(made)) return [];
    return made.properties.filter((p) => p.name?.getText() === 'infer');
  });
}
