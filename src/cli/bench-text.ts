import type { Comparison } from '../benchmark/compare.ts'
import type { BenchmarkReport } from '../benchmark/report.ts'
import { alignColumns } from './table.ts'

/** A report as a terminal shows it. */
export function benchText(report: BenchmarkReport): string {
  const { what, settings, machine, measurements, peaks, breakdown, busy, notes } = report
  const size = `${settings.width}x${settings.height}, ${settings.frames} frames`
  const where = `${machine.gpu ?? machine.cpu}, ${machine.cores} cores, ONNX Runtime ${machine.onnxruntime}`
  const lines = [
    `${what} of ${settings.model} at ${size} on ${settings.device} in ${settings.precision}`,
    where,
  ]
  if (busy) lines.push('This machine is busy with something else: take these figures for a trial.')
  const figures = Object.entries(measurements).map(([name, { p50, p95, unit, values }]) => {
    const spread = values.length > 1 ? `95 %: ${amountText(p95, unit)}` : ''
    return [name, amountText(p50, unit), spread]
  })
  lines.push('', alignColumns(figures))
  if (peaks) {
    const { matmul, copy } = peaks
    const matrix = `${digits(matmul.tflops)} TFLOP/s in products of ${matmul.size}x${matmul.size} in ${matmul.dtype}`
    lines.push('', `measured limits: ${matrix}, ${digits(copy.gigabytesPerSecond)} GB/s read and written`)
  }
  if (breakdown) {
    const rows = breakdown.map(({ opClass, share, seconds, nodes }) => {
      const { flops = 0, bytes = 0 } = report.work?.classes[opClass] ?? {}
      const compute = flops > 0 ? `${digits(flops / seconds / 1e12)} TFLOP/s` : ''
      const traffic = bytes > 0 ? `${digits(bytes / seconds / 1e9)} GB/s` : ''
      return [
        opClass,
        `${(100 * share).toFixed(1)} %`,
        `${digits(seconds)} s`,
        `${nodes} nodes`,
        compute,
        traffic,
      ]
    })
    lines.push('', 'where the time goes', alignColumns(rows))
  }
  return `${[...lines, ...(notes.length > 0 ? ['', ...notes] : [])].join('\n')}\n`
}

/** Two reports in columns. */
export function comparisonText({ first, second, rows, differences }: Comparison): string {
  const head = ['', first, second, 'second / first', '']
  const body = rows.map(row => [
    row.name,
    amountText(row.first, row.unit),
    amountText(row.second, row.unit),
    digits(row.ratio),
    row.ratio === 1 ? '' : row.ratio > 1 === (row.better === 'higher') ? 'better' : 'worse',
  ])
  const nothing = rows.length === 0 ? ['They have no figure in common.'] : []
  const apart = differences.length > 0 ? ['', 'They differ in:', ...differences.map(each => `  ${each}`)] : []
  return `${[alignColumns([head, ...body]), ...nothing, ...apart].join('\n')}\n`
}

function amountText(value: number, unit: string): string {
  if (unit === 'share') return `${(100 * value).toFixed(1)} %`
  if (unit === 'bytes') return `${digits(value / 1e6)} MB`
  return `${digits(value)} ${unit}`
}

/** Four significant digits. */
function digits(value: number): string {
  return String(Number(value.toPrecision(4)))
}
