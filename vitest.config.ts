import { defineConfig } from 'vitest/config'
import { compiledFolders, compiledSources } from './test/compiled-sources.ts'
import { LongestFirst } from './test/longest-first.ts'

/** Where to write the results as JSON too; see .ci/run. */
const report = process.env.TEST_REPORT

/** `--mode compiled` tests what `npm run build` made; without it, the sources as they are. */
export default defineConfig(({ mode }) => {
  const isCompiled = mode === 'compiled'
  return {
    plugins: isCompiled ? [compiledSources()] : [],
    test: {
      server: { deps: { external: isCompiled ? compiledFolders : [] } },
      include: ['test/**/*.test.ts'],
      testTimeout: 60_000,
      // The first test that needs our kernels waits for their compiler.
      hookTimeout: 400_000,
      pool: 'forks',
      // One more than the cores of a small machine: while a file waits for a lease, a program or a disk, another one computes.
      maxWorkers: 3,
      // A worker loads the modules of the runtime once, not once for every file: a third of the time of a run.
      isolate: false,
      sequence: { sequencer: LongestFirst },
      globalSetup: ['test/run-folder.ts', 'test/reference-model.ts', 'test/postgres-run.ts'],
      setupFiles: ['test/brief-code.ts', 'test/leave-as-found.ts', 'test/typed-array-equality.ts'],
      // Tests that run at the same time wait for leases and clocks most of their time.
      maxConcurrency: 20,
      // What a file compiles to is kept for later runs: compiling takes half of the CPU time before the first test.
      experimental: {
        fsModuleCache: true,
        fsModuleCachePath: `node_modules/.cache/framewright/modules-${mode}`,
      },
      // The workers and the programs they start share the cores: threads that wait for each other's turn take longer.
      env: { FRAMEWRIGHT_THREADS: '1' },
      // Tests of whole programs wait for other processes: one that a busy machine was too slow for is tried once more in
      // a run that decides about a change. The reporter marks it, so that it is seen.
      retry: report ? 1 : 0,
      reporters: report ? ['default', ['json', { outputFile: report }]] : ['default'],
    },
  }
})
