import { describe, expect, it } from 'vitest'
import { barReporter } from '../../../src/cli/bar-reporter.ts'
import { progressLine } from '../../../src/cli/progress-line.ts'
import { bytesText, counted, durationText, parametersText } from '../../../src/cli/quantities.ts'
import { alignColumns } from '../../../src/cli/table.ts'
import type { VideoJob } from '../../../src/cli/video-jobs.ts'
import { collect, openTinyEngine, tinyRequest } from '../engine/tiny-engine.ts'

describe('a bar on a terminal', () => {
  it('shows steps, decoding and the time left on one line, and leaves the line empty at the end', async () => {
    const written: string[] = []
    const stream = { write: (text: string) => written.push(text), isTTY: true, columns: 60 }
    const report = barReporter({ out: stream, err: stream }, { videos: 1, factor: 1 })
    const job: VideoJob = {
      index: 1,
      request: { ...tinyRequest, seed: 1n },
      output: 'a.mp4',
      latents: undefined,
    }
    await using tiny = await openTinyEngine()
    for (const event of await collect(tiny.engine.generate(tinyRequest))) report.event(job, event)
    report.event(job, { type: 'video-written', path: 'a.mp4', bytes: 1234, frames: 5 })
    report.close()

    const lines = written.join('').split('\r\u001b[K')
    expect(lines.every(line => line.length <= 60 || line.includes('\n'))).toBe(true)
    expect(lines.find(line => line.includes('step 2/4'))).toMatch(
      /^step 2\/4 {2}█+░+ {2} 46 % {2}.* a step, .* left$/,
    )
    expect(lines.some(line => /^decoding 5\/5 {2}█+ {2}100 %/.test(line))).toBe(true)
    expect(written.join('')).toContain('a.mp4: 16x16, 5 frames (')
    expect(lines.at(-1)).toBe('')
  })
})

describe('a line of progress', () => {
  const view = { label: 'step 3/20', share: 0.15, details: ['0.11 s a step', '2 s left'] }

  it.each([20, 40, 80, 200])('fits %d columns', columns => {
    const line = progressLine({ ...view, columns })
    expect(line.length).toBeLessThan(columns)
    expect(line).toContain('step 3/20')
  })

  it('fills its bar by the share', () => {
    expect(progressLine({ label: 'x', share: 0.5, details: [], columns: 200 })).toBe(
      `x  ${'█'.repeat(15)}${'░'.repeat(15)}   50 %`,
    )
  })
})

describe('quantities', () => {
  it.each([
    [durationText(0.123), '0.12 s'],
    [durationText(9.87), '9.9 s'],
    [durationText(59.4), '59 s'],
    [durationText(200), '3 min 20 s'],
    [durationText(7500), '2 h 5 min'],
    [bytesText(512), '512 B'],
    [bytesText(999_999), '1.0 MB'],
    [bytesText(11_600_000), '11.6 MB'],
    [parametersText(350_600), '350.6 k'],
    [parametersText(1_300_000_000), '1.3 B'],
    [counted(1, 'frame'), '1 frame'],
    [counted(0, 'frame'), '0 frames'],
    [
      alignColumns([
        ['a', 'b'],
        ['long', ''],
      ]),
      'a     b\nlong',
    ],
  ])('read %s', (text, expected) => {
    expect(text).toBe(expected)
  })
})
