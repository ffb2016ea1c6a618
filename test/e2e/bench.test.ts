/** `framewright bench` as a person uses it, on the CPU and the built-in model. */
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import type { BenchmarkReport } from '../../src/index.ts'
import { scratchFolder } from '../scratch.ts'
import { framewright } from './run-cli.ts'

const folder = scratchFolder()
const small = ['--device', 'cpu', '--size', '32x32', '--frames', '5', '--repeat', '2']

function reportIn(name: string): BenchmarkReport {
  return JSON.parse(readFileSync(path.join(folder, name), 'utf8')) as BenchmarkReport
}

describe('framewright bench step', () => {
  test('says what share of the measured limits of this CPU it reaches, and where the time goes', async () => {
    const words = ['bench', 'step', ...small, '--json', 'step.json', '--html', 'step.html']
    const { code, stdout } = await framewright(folder, words)
    expect(code).toBe(0)
    expect(stdout).toMatch(/^step of doodle at 32x32, 5 frames on cpu in f32$/m)
    expect(stdout).toMatch(/^share of matmul peak +\d+(\.\d+)? %/m)
    expect(stdout).toMatch(/^measured limits: \S+ TFLOP\/s in products of 1024x1024 in f32, \S+ GB\/s/m)
    const { measurements, work, peaks, breakdown } = reportIn('step.json')
    const share = measurements['share of matmul peak']!.p50
    expect(share).toBeGreaterThan(0.001)
    expect(share).toBeLessThan(1.5)
    expect(measurements.compute!.p50 / peaks!.matmul.tflops).toBeCloseTo(share, 2)
    expect(measurements.forward!.values).toHaveLength(4) // guidance: two passes in each of two steps
    expect(measurements.step!.values).toHaveLength(2)
    expect(work!.flops).toBeGreaterThan(1e6)
    expect(work!.classes.other).toBeUndefined()
    const shares = breakdown!.map(each => each.share)
    expect(shares.reduce((sum, each) => sum + each, 0)).toBeCloseTo(1, 6)
    expect(breakdown!.map(({ opClass }) => opClass)).toEqual(
      expect.arrayContaining(['matmul', 'attention', 'elementwise']),
    )
    expect(breakdown!.map(({ opClass }) => opClass)).not.toContain('other')
    expect(readFileSync(path.join(folder, 'step.html'), 'utf8')).toContain('Where the time goes')
  })

  test('measures a published model whose weights are not here', async () => {
    const model = ['--synthetic', 'ltx-video-0.9.1', '--layers', '1', '--folder', 'synthetic']
    const nine = small.map(word => (word === '5' ? '9' : word))
    const words = ['bench', 'step', ...nine, '--no-profile', ...model, '--json', 'ltx.json']
    const { code, stderr } = await framewright(folder, words)
    expect(stderr).toMatch(/^0\.22 GB of random weights$/m)
    expect(code).toBe(0)
    const { settings, breakdown } = reportIn('ltx.json')
    expect(settings).toMatchObject({ model: 'ltx-video-0.9.1', synthetic: true, layers: 1, frames: 9 })
    expect(breakdown).toBeUndefined()
  })

  test.each([
    [
      ['--synthetic', 'wan-t2v-15b'],
      2,
      /^error: synthetic: expected one of wan-t2v-1\.3b, .*got wan-t2v-15b\.$/m,
    ],
    [['--layers', '2'], 2, /^error: layers: expected none, but for synthetic weights, got one\.$/m],
    [['--size', '33x33'], 2, /^error: width: expected /m],
    [['--steps', '2'], 2, /^error: unknown option '--steps'/m],
    [['--folder', 'x'], 2, /^error: --folder: expected --synthetic beside it, got none\.$/m],
  ])('refuses %j', async (words, exitCode, message) => {
    const { code, stderr } = await framewright(folder, ['bench', 'step', '--device', 'cpu', ...words])
    expect(stderr).toMatch(message)
    expect(code).toBe(exitCode)
  })
})

test.each([
  ['load', ['load', 'first load', 'load rate', 'weight bytes']],
  ['vae', ['clip', 'chunk', 'compute', 'share of matmul peak']],
  ['text', ['prompt', 'compute']],
  ['generate', ['video', 'conditioning', 'denoising', 'decoding', 'step', 'peak memory']],
  ['throughput', ['throughput', 'video']],
])('framewright bench %s measures %j', async (what, names) => {
  const steps = what === 'generate' || what === 'throughput' ? ['--steps', '2'] : []
  const file = `${what}.json`
  const { code } = await framewright(folder, [
    'bench',
    what,
    ...small,
    ...steps,
    '--no-profile',
    '--json',
    file,
  ])
  expect(code).toBe(0)
  const { measurements } = reportIn(file)
  expect(Object.keys(measurements)).toEqual(expect.arrayContaining(names))
  for (const { p50, values } of Object.values(measurements)) {
    expect(p50).toBeGreaterThan(0)
    expect(values.length).toBeGreaterThan(0)
  }
})

describe('framewright bench compare', () => {
  test('prints two reports side by side and ends well, whichever is faster', async () => {
    const { code, stdout } = await framewright(folder, ['bench', 'compare', 'step.json', 'ltx.json'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/second \/ first/)
    expect(stdout).toMatch(/^forward +\S+ s +\S+ s +\S+ +(better|worse)$/m)
    expect(stdout).toMatch(/^ {2}settings, frames: 5 and 9$/m)
  })

  test('refuses a file that is none', async () => {
    writeFileSync(path.join(folder, 'other.json'), '{}')
    const { code, stderr } = await framewright(folder, ['bench', 'compare', 'step.json', 'other.json'])
    expect(code).toBe(2)
    expect(stderr).toMatch(/^error: second report: expected what /)
    expect((await framewright(folder, ['bench', 'compare', 'step.json', 'none.json'])).code).toBe(2)
  })
})
