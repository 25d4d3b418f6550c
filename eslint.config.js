import js from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

// Who may import whom. Dependencies point one way: apps -> vision, formats, models -> core <- backends.
// (pnpm holds another part of it: what a package.json does not name, its package cannot import.)
const coreOnly = {
  regex: '^@graftjs/(?!core(/backend|/extend)?$)',
  message: 'Of Graft, this package may import @graftjs/core only. Tests may import more.',
};
const coreAndFormats = {
  regex: '^@graftjs/(?!(core(/backend|/extend)?|formats(/import)?)$)',
  message:
    'Of Graft, models and vision may import @graftjs/core and @graftjs/formats only. Tests may import more.',
};
const coreAndFiles = {
  regex: '^@graftjs/(?!(core(/backend|/extend)?|formats(/import|/node)?)$)',
  message: coreAndFormats.message,
};
const coreAndOnnx = {
  regex: '^@graftjs/(?!(core(/backend|/extend)?|onnx-graph)$)',
  message:
    'Of Graft, this package may import @graftjs/core and @graftjs/onnx-graph only. Tests may import more.',
};
const nothing = {
  regex: '^[^.]',
  message: 'Core depends on nothing: no package, no Node module. Pass it in as an argument instead.',
};
const testToolsOnly = {
  regex: '^(?!\\.|vitest$|fast-check$)',
  message:
    "Core's tests import vitest and fast-check only. Tests that need a backend go to packages/conformance.",
};
const noNode = {
  regex: '^node:',
  message: 'This runs in browsers too. Code for Node goes to src/node/, which the "./node" entry exports.',
};
const imports = (...patterns) => ['error', { patterns }];

const tests = ['**/*.test.ts', 'packages/*/test/**'];
const backendName =
  ":matches([object.name=/backend$/i], [object.property.name=/backend$/i])[property.name='name']";

export default defineConfig(
  // AssemblyScript has decorators on functions, which no TypeScript parser takes.
  globalIgnores(['**/dist/', '**/node_modules/', 'packages/*/assembly/', '**/*.generated.ts']),
  js.configs.recommended,
  tseslint.configs.recommended,
  {
    rules: {
      eqeqeq: 'error',
      'no-undef': 'off', // the type checker knows better
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
    },
  },
  {
    // The rules that need types: a promise nobody waits for hides a failed kernel.
    name: 'no lost promises',
    files: ['{packages,apps}/*/{src,test,demo}/**/*.ts', 'benchmarks/**/*.ts'],
    languageOptions: {
      parserOptions: { project: './tsconfig.lint.json', tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
    },
  },
  {
    name: 'packages run anywhere',
    files: ['packages/*/src/**/*.ts'],
    ignores: [...tests, 'packages/*/src/node/**'],
    rules: {
      'no-console': 'error',
      'no-restricted-globals': ['error', 'process', 'Buffer', 'global', 'setImmediate'],
      'no-restricted-imports': imports(coreOnly, noNode),
    },
  },
  {
    name: "packages' own entry for Node",
    files: ['packages/*/src/node/**/*.ts'],
    ignores: tests,
    rules: { 'no-restricted-imports': imports(coreOnly) },
  },
  {
    name: 'models and vision may read files',
    files: ['packages/{models,vision}/src/**/*.ts'],
    ignores: [...tests, 'packages/*/src/node/**'],
    rules: { 'no-restricted-imports': imports(coreAndFormats, noNode) },
  },
  {
    name: 'models and vision may read files, in Node',
    files: ['packages/{models,vision}/src/node/**/*.ts'],
    ignores: tests,
    rules: { 'no-restricted-imports': imports(coreAndFiles) },
  },
  {
    name: 'these speak ONNX',
    files: ['packages/{formats,backend-onnx}/src/**/*.ts'],
    ignores: [...tests, 'packages/*/src/node/**'],
    rules: { 'no-restricted-imports': imports(coreAndOnnx, noNode) },
  },
  {
    name: 'core stands alone',
    files: ['packages/core/src/**/*.ts'],
    ignores: tests,
    rules: { 'no-restricted-imports': imports(nothing) },
  },
  {
    name: "core's tests too",
    files: ['packages/core/**/*.test.ts'],
    rules: { 'no-restricted-imports': imports(testToolsOnly) },
  },
  {
    name: 'core treats all backends alike',
    files: ['packages/core/**/*.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        {
          // A message may quote the name: `${backend.name}`. Anything else could become a special case.
          selector: `:not(TemplateLiteral) > MemberExpression${backendName}`,
          message: 'Core never looks at backend.name, except to quote it in a message (a template literal).',
        },
        {
          selector: "VariableDeclarator[init.name=/backend$/i] > ObjectPattern > Property[key.name='name']",
          message: 'Core never looks at backend.name, except to quote it in a message (a template literal).',
        },
        {
          selector: 'ImportExpression[source.value=/^[^.]/]',
          message: 'Core depends on nothing: no package, no Node module.',
        },
      ],
    },
  },
);
