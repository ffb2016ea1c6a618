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
    expect(frameRate(times)).toBe(rate)
  })

  it.each([23.976, 29.97, 59.94])('of television, %d, is seen in exact times', rate => {
    const times = Array.from({ length: 30 }, (_, index) => (index * 1.001) / Math.round(rate))
    expect(frameRate(times)).toBe(rate)
  })

  it('is the mean where frames come irregularly, and does not depend on their order', () => {
    expect(frameRate([0, 1.7, 0.1, 0.2])).toBe(1.765)
  })

  it('is unknown for a single frame', () => {
    expect(frameRate([0])).toBeUndefined()
    expect(frameRate([])).toBeUndefined()
  })
})
