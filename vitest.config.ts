import { availableParallelism } from 'node:os';
import { playwright } from '@vitest/browser-playwright';
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { findChromium } from './scripts/chromium.mjs';
import { fashionMnist, lendFashionMnist } from './scripts/fashion-mnist.mjs';
import { runInNode } from './scripts/run-in-node.mjs';
import { LongestFirst } from './scripts/sequencer.mjs';

// Packages import each other's TypeScript sources: nothing is built before a test runs.
const conditions = ['@graftjs/source', 'module', 'node', 'development|production'];
const shared = {
  resolve: { conditions },
  ssr: { resolve: { conditions } },
};

// No sandbox: containers run as root. WebGL comes from SwiftShader, which draws on the processor.
const CHROMIUM = [
  '--no-sandbox --disable-quic --no-first-run --disable-background-networking --disable-component-update',
  '--disable-sync --use-angle=swiftshader --enable-unsafe-swiftshader --ignore-gpu-blocklist',
];
const executablePath = findChromium();

/** Tests in Chromium; without one, `--project 'browser*'` finds nothing. */
function browserProject(
  name: string,
  files: { include: string[]; exclude?: string[] },
  headers: Record<string, string>,
): TestProjectInlineConfiguration[] {
  if (executablePath === null) return [];
  return [
    {
      resolve: { conditions: ['@graftjs/source', 'module', 'browser', 'development|production'] },
      plugins: [lendFashionMnist],
      server: { headers },
      test: {
        name,
        ...files,
        testTimeout: 300_000,
        hookTimeout: 300_000,
        provide: { fashionMnist },
        // After the tests in Node: together they would be too many for the processors.
        sequence: { groupOrder: 1 },
        maxWorkers: availableParallelism(), // pages at a time
        browser: {
          enabled: true,
          headless: true,
          screenshotFailures: false,
          commands: { runInNode },
          provider: playwright({
            launchOptions: { executablePath, args: CHROMIUM.flatMap((line) => line.split(' ')) },
          }),
          instances: [{ browser: 'chromium' }],
        },
      },
    },
  ];
}

/** Long tests in Node. */
function slowProject(
  name: string,
  files: string,
  exclude: string[],
  groupOrder: number,
): TestProjectInlineConfiguration {
  return {
    ...shared,
    test: {
      name,
      pool: 'forks',
      include: [`{packages,apps,apps/samples}/*/{src,test}/**/${files}`, `benchmarks/**/${files}`],
      exclude: ['**/node_modules/**', ...exclude],
      sequence: { groupOrder },
      testTimeout: 300_000,
      hookTimeout: 300_000,
    },
  };
}

export default defineConfig({
  test: {
    // All processors: vitest would leave one idle.
    maxWorkers: availableParallelism(),
    sequence: { sequencer: LongestFirst },
    // The second keeps what the runs of the conformance suite have shown, for docs/support.md.
    reporters: ['default', './packages/conformance/test/support/reporter.ts'],
    projects: [
      {
        ...shared,
        test: {
          name: 'unit',
          pool: 'forks',
          // Loading the packages anew for every file took half the time: files of one process share the modules.
          isolate: false,
          include: ['{packages,apps}/*/src/**/*.test.ts'],
          exclude: ['**/node_modules/**', '**/*.slow.test.ts'],
          testTimeout: 30_000,
        },
      },
      slowProject('slow', '*.slow.test.ts', ['**/*.alone.slow.test.ts'], 0),
      // Last and alone: these look at the clock, which says nothing while others want the processors.
      slowProject('alone', '*.alone.slow.test.ts', [], 2),
      {
        ...shared,
        test: {
          name: 'conformance',
          pool: 'forks',
          include: ['packages/*/test/**/*.conformance.test.ts'],
          testTimeout: 60_000,
        },
      },
      // A page that may share memory between threads.
      ...browserProject(
        'browser',
        { include: ['packages/*/test/**/*.browser.test.ts'], exclude: ['**/*.plain.browser.test.ts'] },
        { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' },
      ),
      // A page as most servers send it.
      ...browserProject('browser-plain', { include: ['packages/*/test/**/*.plain.browser.test.ts'] }, {}),
    ],
  },
});
