import { describe, expect, it } from 'vitest'
import { frameRate } from '../../../src/media/frame-rate.ts'

describe('the frame rate', () => {
  it.each([
    [8, 2],
    [8, 3],
    [8, 17],
    [12.5, 2],
    [12.5, 60],
    [16, 81],
    [24, 3],
    [24, 17],
    [24, 200],
    [25, 50],
    [30, 5],
    [60, 60],
  ])('of %d is seen in %d frames whose times are rounded to milliseconds', (rate, count) => {
    const times = Array.from({ length: count }, (_, index) => Math.round((index * 1000) / rate) / 1000)
    expect(frameRate(times)).toEqual({ fps: rate, variable: false })
  })

  it.each([23.976, 29.97, 59.94])('of television, %d, is seen in exact times', rate => {
    const times = Array.from({ length: 30 }, (_, index) => (index * 1.001) / Math.round(rate))
    expect(frameRate(times)).toEqual({ fps: rate, variable: false })
  })

  it.each([
    ['a pause', [0, 0.1, 0.2, 1.7, 1.8], 10],
    ['a frame that is missing', [0, 1 / 30, 3 / 30, 4 / 30, 5 / 30], 30],
    ['times that alternate by more than a quarter', [0, 0.02, 0.1, 0.12, 0.2, 0.22, 0.3], 50],
  ])('is that of the usual interval where there is %s, and variable', (_, times, fps) => {
    expect(frameRate(times)).toEqual({ fps, variable: true })
  })

  it('is the mean one where every frame is near its place, as after a pulldown', () => {
    const times = Array.from({ length: 24 }, (_, index) => Math.floor(index * 2.5) / 60)
    expect(frameRate(times).variable).toBe(false)
    expect(frameRate(times).fps).toBeCloseTo(24, 0)
  })

  it('is unknown for a single frame', () => {
    expect(frameRate([0])).toEqual({ fps: undefined, variable: false })
    expect(frameRate([])).toEqual({ fps: undefined, variable: false })
  })
})
