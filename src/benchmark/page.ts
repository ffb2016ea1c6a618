import { type OpClass, opClasses } from '../graph/op-class.ts'
import { bars, escaped, htmlPage, table } from './html-page.ts'
import type { BenchmarkReport, Measurement } from './report.ts'

/** The report as one page without references to other files. */
export function reportPage(report: BenchmarkReport): string {
  const { machine, settings, measurements, busy, notes } = report
  const warning = busy
    ? '<p><strong>The machine was busy with other work: take this for a trial.</strong></p>'
    : ''
  const body = `<p>${escaped(report.program)}, ONNX Runtime ${escaped(machine.onnxruntime)}, ${escaped(report.measured)}, on ${escaped(machine.gpu ?? machine.cpu)}, ${machine.cores} cores.</p>
${warning}
<h2>Figures</h2>
${table(['', 'median', '95 %', 'unit', 'runs'], Object.entries(measurements).map(rowOf))}
${peaksPart(report)}
${breakdownPart(report)}
${workPart(report)}
<h2>Settings</h2>
${table(
  ['', ''],
  Object.entries(settings).map(([name, value]) => [name, String(value)]),
)}
${notes.map(note => `<p>${escaped(note)}</p>`).join('\n')}`
  return htmlPage({ title: `Benchmark: ${report.what} of ${settings.model}`, body })
}

function rowOf([name, { p50, p95, unit, values }]: [string, Measurement]): string[] {
  return [name, numberText(p50), numberText(p95), unit, String(values.length)]
}

function peaksPart({ peaks, measurements }: BenchmarkReport): string {
  if (!peaks) return ''
  const { matmul, copy } = peaks
  const shares = ['share of matmul peak', 'share of copy bandwidth'].flatMap(name => {
    const found = measurements[name]
    return found ? [{ name, share: found.p50, label: percentText(found.p50) }] : []
  })
  return `<h2>Limits of the device, measured</h2>
<p>Products of ${matmul.size}×${matmul.size} matrices in ${matmul.dtype}: ${numberText(matmul.tflops)} TFLOP/s; reading and writing: ${numberText(copy.gigabytesPerSecond)} GB/s.</p>
${shares.length > 0 ? bars(shares) : ''}`
}

function breakdownPart({ breakdown }: BenchmarkReport): string {
  if (!breakdown) return ''
  const all = breakdown.map(({ opClass, share, seconds }) => {
    return { name: opClass, share, label: `${percentText(share)}, ${numberText(seconds)} s` }
  })
  return `<h2>Where the time goes, by class of op</h2>\n${bars(all)}`
}

function workPart({ work, breakdown }: BenchmarkReport): string {
  if (!work) return ''
  const rows = opClasses.flatMap((opClass: OpClass): string[][] => {
    const cost = work.classes[opClass]
    if (!cost) return []
    const seconds = breakdown?.find(each => each.opClass === opClass)?.seconds
    const rate = (amount: number) => (seconds && amount > 0 ? numberText(amount / seconds) : '–')
    return [
      [
        opClass,
        String(cost.nodes),
        numberText(cost.flops / 1e12),
        numberText(cost.bytes / 1e9),
        rate(cost.flops / 1e12),
        rate(cost.bytes / 1e9),
      ],
    ]
  })
  return `<h2>What has to be computed, counted</h2>
${table(['class of op', 'nodes', 'TFLOP', 'GB', 'TFLOP/s', 'GB/s'], rows)}`
}

/** Four significant digits. */
export function numberText(value: number): string {
  return String(Number(value.toPrecision(4)))
}

function percentText(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}
