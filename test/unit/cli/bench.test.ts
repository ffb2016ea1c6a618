import { describe, expect, it } from 'vitest'
import { benchText, comparisonText } from '../../../src/cli/bench-text.ts'
import { createProgram } from '../../../src/cli/program.ts'
import { failureOf } from '../../../src/cli/report-error.ts'
import type { BenchmarkReport } from '../../../src/index.ts'

async function endOf(...words: string[]) {
  const program = await createProgram()
  const commands = [program, ...program.commands, ...program.commands.flatMap(({ commands }) => commands)]
  for (const each of commands) each.configureOutput({ writeOut: () => {}, writeErr: () => {} })
  return await program.parseAsync(['bench', ...words], { from: 'user' }).then(() => undefined, failureOf)
}

describe('framewright bench', () => {
  it.each([
    [['step', '--repeat', '0'], '--repeat: expected a whole number from 1 to 1000000, got "0".'],
    [
      ['step', '--residency', 'none'],
      '--residency: expected one of auto, keep, release-text, release, got "none".',
    ],
    [['step', '--stored', 'f64'], '--stored: expected one of f32, f16, bf16, got "f64".'],
    [
      ['throughput', '--concurrency', 'x'],
      '--concurrency: expected a whole number from 1 to 1000000, got "x".',
    ],
    [['vae', '--steps', '3'], "unknown option '--steps'\nSee: framewright bench vae --help"],
    [['compare', 'a.json'], "missing required argument 'second'\nSee: framewright bench compare --help"],
    [['speed'], "unknown command 'speed'\nSee: framewright bench --help"],
    [['step', '--model', 'a', '--synthetic', 'b'], '--synthetic: expected no --model beside it, got a.'],
  ])('%j is refused with what is right', async (words, message) => {
    expect(await endOf(...words)).toEqual({ exitCode: 2, message, code: 'usage' })
  })

  it.each([[['--help']], [['step', '--help']], [['compare', '--help']]])('%j teaches', async words => {
    expect(await endOf(...words)).toMatchObject({ exitCode: 0 })
  })
})

const figure = { unit: 's', better: 'lower', p50: 0.5, p95: 0.75, values: [0.5, 0.75] } as const

const report: BenchmarkReport = {
  type: 'report',
  format: 1,
  program: 'framewright 1.2.3',
  what: 'step',
  measured: '2026-11-27',
  machine: { cpu: 'A', cores: 2, memoryGiB: 4, platform: 'p', node: '20', onnxruntime: '1.29.0' },
  busy: false,
  settings: { model: 'doodle', width: 64, height: 32, frames: 17, device: 'cpu', precision: 'f32' },
  measurements: { step: figure },
  work: { nodes: 2, flops: 4e9, bytes: 2e9, classes: { matmul: { nodes: 2, flops: 4e9, bytes: 2e9 } } },
  peaks: {
    matmul: { tflops: 0.1234567, dtype: 'f32', size: 1024 },
    copy: { gigabytesPerSecond: 10, bytes: 1e9 },
  },
  breakdown: [{ opClass: 'matmul', seconds: 0.2, share: 0.876, nodes: 2 }],
  notes: ['A note.'],
}

it('prints a report in lines that can be read', () => {
  expect(benchText(report)).toBe(`step of doodle at 64x32, 17 frames on cpu in f32
A, 2 cores, ONNX Runtime 1.29.0

step  0.5 s  95 %: 0.75 s

measured limits: 0.1235 TFLOP/s in products of 1024x1024 in f32, 10 GB/s read and written

where the time goes
matmul  87.6 %  0.2 s  2 nodes  0.02 TFLOP/s  10 GB/s

A note.
`)
})

it('prints a comparison with what is better, in both directions, and what differs', () => {
  const text = comparisonText({
    first: 'one',
    second: 'two',
    rows: [
      { name: 'step', unit: 's', better: 'lower', first: 2, second: 1, ratio: 0.5 },
      { name: 'compute', unit: 'TFLOP/s', better: 'higher', first: 2, second: 1, ratio: 0.5 },
    ],
    differences: ['settings, width: 64 and 32'],
  })
  expect(text).toMatch(/^step +2 s +1 s +0\.5 +better$/m)
  expect(text).toMatch(/^compute +2 TFLOP\/s +1 TFLOP\/s +0\.5 +worse$/m)
  expect(text).toMatch(/They differ in:\n {2}settings, width: 64 and 32\n$/)
})
