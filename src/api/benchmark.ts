import type { Comparison } from '../benchmark/compare.ts'
import type { BenchmarkOptions } from '../benchmark/context.ts'
import type { BenchmarkProgress, BenchmarkReport, ClassShare } from '../benchmark/report.ts'
import { composition } from './engine.ts'

/**
 * Measures a model on this machine: a step, a video, loading, decoding, a prompt, or videos an hour. The last event is
 * the report. Loaded when it is called.
 * @throws RequestError for options that are wrong
 */
export async function benchmark(
  options: BenchmarkOptions,
): Promise<AsyncGenerator<BenchmarkProgress | BenchmarkReport>> {
  const { runBenchmark } = await import('../benchmark/benchmark.ts')
  return runBenchmark(options, composition)
}

/** Which class of op takes how long in one repetition of a benchmark, with ONNX Runtime's profiler on. */
export async function profileBenchmark(
  options: BenchmarkOptions & { readonly model: string },
): Promise<ClassShare[]> {
  const { profileRepetition } = await import('../benchmark/profile-child.ts')
  return await profileRepetition(options, composition)
}

/** A benchmark's report as one HTML page with charts. */
export async function benchmarkPage(report: BenchmarkReport): Promise<string> {
  const { reportPage } = await import('../benchmark/page.ts')
  return reportPage(report)
}

/**
 * Sets two reports of benchmarks side by side, of this program or of a peer's.
 * @throws RequestError for what is not a report
 */
export async function compareBenchmarks(first: unknown, second: unknown): Promise<Comparison> {
  const { compareReports } = await import('../benchmark/compare.ts')
  return compareReports(first, second)
}
