import { describe, expect, test } from 'vitest'
import type { FramesDecodedEvent, StepEndEvent } from '../../../src/pipeline/events.ts'
import { ProgressTracker } from '../../../src/pipeline/progress.ts'
import { collect, openTinyEngine, tinyRequest } from '../engine/tiny-engine.ts'

const step = (step: number, of: number, seconds: number): StepEndEvent => {
  return { type: 'step-end', step, of, seconds, sigma: 0.5, timestep: 500, skipped: false, guided: true }
}

const decoded = (first: number, count: number, of: number, seconds: number): FramesDecodedEvent => {
  return { type: 'frames-decoded', first, count, of, seconds, width: 1, height: 1, frames: new Uint8Array(3) }
}

describe('the progress of a run', () => {
  test('rises from 0 to 1 through its stages', async () => {
    await using tiny = await openTinyEngine()
    const tracker = new ProgressTracker()
    expect(tracker.now).toMatchObject({ stage: 'loading', fraction: 0, step: 0, of: 0 })
    const seen = (await collect(tiny.engine.generate(tinyRequest))).flatMap(event =>
      tracker.take(event) ? [{ type: event.type, ...tracker.now }] : [],
    )
    expect(seen.map(({ stage, step: at, of }) => `${stage} ${at}/${of}`)).toEqual([
      'conditioning 0/0',
      'denoising 0/0',
      'denoising 1/4',
      'denoising 2/4',
      'denoising 3/4',
      'denoising 4/4',
      ...seen.filter(({ type }) => type === 'frames-decoded').map(() => 'decoding 4/4'),
      'writing 4/4',
    ])
    const fractions = seen.map(({ fraction }) => fraction)
    expect(fractions).toEqual(fractions.toSorted((a, b) => a - b))
    expect(fractions.slice(0, 2)).toEqual([0, 0.02])
    expect(fractions.at(-1)).toBe(1)
    expect(seen.find(each => each.step === 2)!.fraction).toBeCloseTo(0.46)
    expect(seen.at(-1)!.secondsLeft).toBe(0)
  })

  test('is the same for events that say nothing of it', () => {
    const tracker = new ProgressTracker()
    expect(tracker.take({ type: 'notice', code: 'clip/cut', message: '' })).toBe(false)
    expect(tracker.take({ type: 'video-written' })).toBe(false)
  })

  test('does not fall back where steps and frames take turns', () => {
    const tracker = new ProgressTracker()
    const fractions: number[] = []
    for (const event of [step(1, 4, 1), step(2, 4, 1), decoded(0, 9, 18, 1), step(3, 4, 1), step(4, 4, 1)]) {
      tracker.take(event)
      fractions.push(tracker.now.fraction)
    }
    expect(fractions).toEqual(fractions.toSorted((a, b) => a - b))
    expect(tracker.now.stage).toBe('denoising')
    tracker.take(decoded(9, 9, 18, 1))
    expect(tracker.now).toMatchObject({ stage: 'decoding', frames: 18, framesOf: 18 })
    expect(tracker.now.fraction).toBeCloseTo(1)
  })

  test('of a run that is resumed after its last step begins with the frames', () => {
    const tracker = new ProgressTracker()
    tracker.take(decoded(0, 5, 10, 1))
    expect(tracker.now.stage).toBe('decoding')
    expect(tracker.now.fraction).toBeCloseTo(0.95)
    expect(tracker.now.secondsLeft).toBeUndefined()
  })
})

describe('the time left', () => {
  test('leaves out the first step, which opens the network, and follows the last ten', () => {
    const tracker = new ProgressTracker()
    expect(tracker.now.secondsLeft).toBeUndefined()
    tracker.take(step(1, 88, 30))
    expect(tracker.now.secondsPerStep).toBe(30)
    tracker.take(step(2, 88, 1))
    expect(tracker.now.secondsPerStep).toBe(1)
    // 86 steps, and a decoder that takes ten hundredths of a run of which the steps are 88.
    expect(tracker.now.secondsLeft).toBeCloseTo(86 + 10)
    for (let at = 3; at <= 12; at++) tracker.take(step(at, 88, 2))
    expect(tracker.now.secondsPerStep).toBe(2)
  })

  test('does not jump with single steps: what was said to be the end stays near', () => {
    const tracker = new ProgressTracker()
    // Steps of a busy machine, or with a cache that leaves some out: now fast, now slow, as long on the whole.
    const seconds = (at: number) => (at === 1 ? 9 : [0.4, 1.6, 0.2, 1, 2.6, 0.1, 1.1][at % 7]!)
    let passed = 0
    const ends: number[] = []
    for (let at = 1; at <= 40; at++) {
      tracker.take(step(at, 40, seconds(at)))
      passed += seconds(at)
      ends.push(passed + tracker.now.secondsLeft!)
    }
    const changes = ends.slice(3).map((end, index) => Math.abs(end - ends[index + 2]!))
    // The means of the last ten alone jump by 29 s.
    expect(Math.max(...changes)).toBeLessThan(15)
    expect(Math.abs(ends.at(-1)! - passed * (1 + 0.1 / 0.88))).toBeLessThan(4)
  })

  test('goes by the frames when the steps are done', () => {
    const tracker = new ProgressTracker()
    tracker.take(step(1, 1, 5))
    expect(tracker.now.secondsLeft).toBeCloseTo(5 / 8.8)
    tracker.take(decoded(0, 1, 13, 3))
    tracker.take(decoded(1, 4, 13, 2))
    expect(tracker.now.secondsLeft).toBeCloseTo(4)
    tracker.take(decoded(5, 8, 13, 4))
    expect(tracker.now.secondsLeft).toBe(0)
  })
})
