import { defineConfig } from 'vitest/config';

// Packages import each other's TypeScript sources: nothing is built before a test runs.
const conditions = ['@graftjs/source', 'module', 'node', 'development|production'];
const shared = {
  resolve: { conditions },
  ssr: { resolve: { conditions } },
};

export default defineConfig({
  test: {
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
      {
        ...shared,
        test: {
          name: 'slow',
          pool: 'forks',
          include: ['{packages,apps,apps/samples}/*/{src,test}/**/*.slow.test.ts', 'benchmarks/**/*.slow.test.ts'],
          testTimeout: 300_000,
        },
      },
      {
        ...shared,
        test: {
          name: 'conformance',
          pool: 'forks',
          include: ['packages/*/test/**/*.conformance.test.ts'],
          testTimeout: 60_000,
        },
      },
    ],
  },
});
