import type { GraphCost } from '../graph/cost.ts'
import type { OpClass } from '../graph/op-class.ts'
import type { Machine } from './machine.ts'

export const questions = ['step', 'generate', 'load', 'vae', 'text', 'throughput'] as const

/** What is measured: see `docs/benchmark.md`. */
export type Question = (typeof questions)[number]

/** One figure, over all repetitions. */
export interface Measurement {
  /** `s`, `TFLOP/s`, `GB/s`, `share` (from 0 to 1), `bytes`, `videos/h` */
  readonly unit: string
  readonly better: 'lower' | 'higher'
  readonly p50: number
  /** What 95 % of the runs were no worse than. */
  readonly p95: number
  readonly values: readonly number[]
}

export type Measurements = Readonly<Record<string, Measurement>>

/** The limits of the device, measured with graphs of our own through the same runtime. */
export interface Peaks {
  /** Of products of large square matrices, in the float type of what is measured. */
  readonly matmul: { readonly tflops: number; readonly dtype: string; readonly size: number }
  /** Of an elementwise operation on a large tensor: read and written bytes, in 10⁹ a second. */
  readonly copy: { readonly gigabytesPerSecond: number; readonly bytes: number }
}

/** Where the time of a repetition goes, from ONNX Runtime's profile of a run of its own. */
export interface ClassShare {
  readonly opClass: OpClass
  readonly seconds: number
  /** Of the time in all nodes, from 0 to 1. */
  readonly share: number
  readonly nodes: number
}

export interface BenchmarkReport {
  readonly type: 'report'
  readonly format: 1
  readonly program: string
  readonly what: Question
  /** Day, as 2026-11-27. */
  readonly measured: string
  readonly machine: Machine & { readonly gpu?: string; readonly driver?: string }
  /** Whether other work took a good part of the machine meanwhile: such times are a trial. */
  readonly busy: boolean
  readonly settings: Readonly<Record<string, string | number | boolean>>
  readonly measurements: Measurements
  /** Counted from our graphs, of one repetition. */
  readonly work?: GraphCost
  readonly peaks?: Peaks
  readonly breakdown?: readonly ClassShare[]
  /** What has to be known beside the figures. */
  readonly notes: readonly string[]
}

/** What happens meanwhile. */
export interface BenchmarkProgress {
  readonly type: 'progress'
  readonly message: string
}

/** Sums values up; there has to be one at least. */
export function measurement(
  values: readonly number[],
  unit: string,
  better: Measurement['better'],
): Measurement {
  return {
    unit,
    better,
    p50: percentile(values, 0.5),
    p95: percentile(values, better === 'lower' ? 0.95 : 0.05),
    values: values.map(rounded),
  }
}

/** Between the two nearest ranks, in proportion (method 7 of Hyndman & Fan 1996). */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const at = share * (sorted.length - 1)
  const below = sorted[Math.floor(at)]!
  return rounded(below + (at - Math.floor(at)) * (sorted[Math.ceil(at)]! - below))
}

/** Six significant digits. */
function rounded(value: number): number {
  return Number(value.toPrecision(6))
}
