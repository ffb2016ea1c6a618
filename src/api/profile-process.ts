/** A process of its own that profiles one repetition of a benchmark: options as JSON in its only argument. */
import type { BenchmarkOptions } from '../benchmark/context.ts'
import { profileBenchmark } from './benchmark.ts'

try {
  const options = JSON.parse(process.argv[2] ?? '{}') as BenchmarkOptions & { readonly model: string }
  process.stdout.write(`${JSON.stringify(await profileBenchmark(options))}\n`)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
