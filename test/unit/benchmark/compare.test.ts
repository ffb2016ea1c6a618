import { describe, expect, test } from 'vitest'
import { compareReports } from '../../../src/benchmark/compare.ts'
import { measurement, percentile } from '../../../src/benchmark/report.ts'

const report = {
  format: 1,
  program: 'framewright 1',
  what: 'step',
  machine: { cpu: 'A', cores: 2 },
  settings: { width: 64, precision: 'f32' },
  measurements: {
    forward: measurement([2, 4, 3], 's', 'lower'),
    compute: measurement([1], 'TFLOP/s', 'higher'),
  },
}

describe('two reports', () => {
  test('are set side by side where they measure the same, with the ratio of their medians', () => {
    const peer = {
      ...report,
      program: 'diffusers 1',
      machine: { cpu: 'B', gpu: 'H200' },
      measurements: {
        forward: measurement([6], 's', 'lower'),
        compute: measurement([1], 'GB/s', 'higher'),
        other: measurement([1], 's', 'lower'),
      },
    }
    expect(compareReports(report, peer)).toEqual({
      first: 'framewright 1',
      second: 'diffusers 1',
      rows: [{ name: 'forward', unit: 's', better: 'lower', first: 3, second: 6, ratio: 2 }],
      differences: ['machine, cpu: A and B'],
    })
  })

  test.each([
    [{ ...report, what: 'vae' }, 'second report: expected one of step, as the first, got vae.'],
    [{ ...report, format: 2 }, /^second report: expected what "framewright bench .* got format: /],
    [undefined, /^second report: expected what .* got its content: /],
  ])('that cannot be compared are refused: %#', (second, message) => {
    expect(() => compareReports(report, second)).toThrow(message)
  })
})

describe('a figure', () => {
  test('has its median and the value that 95 % of the runs were no worse than', () => {
    const values = Array.from({ length: 21 }, (_, index) => index)
    expect(measurement(values, 's', 'lower')).toMatchObject({ p50: 10, p95: 19 })
    expect(measurement(values, 'GB/s', 'higher')).toMatchObject({ p50: 10, p95: 1 })
  })

  test('lies between two runs in proportion', () => {
    expect(percentile([4, 1], 0.5)).toBe(2.5)
    expect(percentile([7], 0.95)).toBe(7)
    expect(percentile([10, 20, 30], 0.75)).toBe(25)
  })
})
