import { expect, test } from 'vitest'
import { reportPage } from '../../../src/benchmark/page.ts'
import { type BenchmarkReport, measurement } from '../../../src/benchmark/report.ts'

const report: BenchmarkReport = {
  type: 'report',
  format: 1,
  program: 'framewright 1.2.3',
  what: 'step',
  measured: '2026-11-27',
  machine: {
    cpu: 'A <CPU>',
    cores: 2,
    memoryGiB: 4,
    platform: 'linux-x64',
    node: '20',
    onnxruntime: '1.29.0',
  },
  busy: true,
  settings: { model: 'doodle', width: 64 },
  measurements: {
    step: measurement([0.5, 0.25], 's', 'lower'),
    'share of matmul peak': measurement([0.4], 'share', 'higher'),
  },
  work: {
    nodes: 3,
    flops: 2e9,
    bytes: 3e6,
    classes: {
      matmul: { nodes: 2, flops: 2e9, bytes: 2e6 },
      elementwise: { nodes: 1, flops: 0, bytes: 1e6 },
    },
  },
  peaks: {
    matmul: { tflops: 0.1, dtype: 'f32', size: 1024 },
    copy: { gigabytesPerSecond: 10, bytes: 1e9 },
  },
  breakdown: [{ opClass: 'matmul', seconds: 0.02, share: 0.75, nodes: 2 }],
  notes: ['A note with "quotes" & more.'],
}

test('a page holds every figure, with charts, and nothing from elsewhere', () => {
  const page = reportPage(report)
  expect(page).toContain('<title>Benchmark: step of doodle</title>')
  expect(page).toContain('on A &lt;CPU>, 2 cores')
  expect(page).toContain('<td>step</td><td>0.375</td><td>0.4875</td><td>s</td><td>2</td>')
  // 2 GFLOP in 20 ms are 0.1 TFLOP/s.
  expect(page).toContain('<td>matmul</td><td>2</td><td>0.002</td><td>0.002</td><td>0.1</td><td>0.1</td>')
  expect(page).toMatch(/<rect x="160" y="3" width="300"[^>]*\/><text[^>]*>75\.0 %, 0\.02 s<\/text>/)
  expect(page).toContain('A note with &quot;quotes&quot; &amp; more.')
  expect(page).toContain('The machine was busy')
  expect(page).not.toMatch(/<script|<link|(src|href)="http/)
})

test('what was not measured is not shown', () => {
  const { work: _work, peaks: _peaks, breakdown: _breakdown, ...rest } = report
  const page = reportPage({ ...rest, busy: false })
  expect(page).not.toMatch(/busy|Limits|Where the time goes|What has to be computed/)
})
