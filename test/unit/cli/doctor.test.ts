import { describe, expect, test } from 'vitest'
import { diagnosisText } from '../../../src/cli/doctor.ts'

const findings = [{ subject: 'node', status: 'ok', detail: '24' }] as const

describe('the verdict of framewright doctor', () => {
  test.each([
    [true, 'cpu', 'Videos can be made on the CPU.'],
    [true, 'cuda:0', 'Videos can be made on the GPU, and on the CPU.'],
    [false, 'cuda:0', 'Videos cannot be made yet.'],
  ] as const)('with ready %s on %s is "%s"', (ready, device, verdict) => {
    expect(diagnosisText({ ready, device, findings }).trimEnd().split('\n').at(-1)).toBe(verdict)
  })
})
