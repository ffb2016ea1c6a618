import { describe, expect, it } from 'vitest'
import { atRate, framesAtRate } from '../../../src/media/at-rate.ts'
import { collect } from './clip-samples.ts'

/** The indices of the pictures that are shown when they begin at these times and the clip ends at `end`. */
async function shown(times: readonly number[], end: number, fps: number) {
  let open = 0
  async function* pictures() {
    for (const [index, time] of times.entries()) {
      open++
      yield { time, pixels: async () => Uint8Array.of(index), close: () => void open-- }
    }
  }
  const frames = await collect(atRate(pictures(), fps, framesAtRate(end, fps)))
  expect(open).toBe(0)
  return frames.map(([index]) => index)
}

const regular = (count: number, fps: number) => Array.from({ length: count }, (_, index) => index / fps)

describe('frames at a constant rate', () => {
  it.each([16, 23.976, 24, 29.97, 60])('are the pictures themselves at their own rate of %d', async fps => {
    const rounded = regular(50, fps).map(time => Math.round(time * 1000) / 1000)
    expect(await shown(rounded, 50 / fps, fps)).toEqual(Array.from({ length: 50 }, (_, index) => index))
  })

  it('are every third picture at a third of the rate, from the first on', async () => {
    expect(await shown(regular(24, 24), 1, 8)).toEqual([0, 3, 6, 9, 12, 15, 18, 21])
  })

  it('repeat pictures at a higher rate', async () => {
    expect(await shown(regular(4, 8), 0.5, 16)).toEqual([0, 0, 1, 1, 2, 2, 3, 3])
  })

  it('show a picture for as long as it is shown, and leave out those that pass in between', async () => {
    expect(await shown([0, 0.1, 1, 1.02, 1.04, 1.25], 1.5, 8)).toEqual([0, 1, 1, 1, 1, 1, 1, 1, 2, 4, 5, 5])
  })

  it('are one at least', async () => {
    expect(await shown([0], 0.01, 8)).toEqual([0])
  })
})
