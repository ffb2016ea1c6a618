import { describe, expect, it, test } from 'vitest'
import { letterbox, nearestExactFrames, toMask, toUnitRange } from '../../../src/media/fit.ts'
import { relativeError } from '../../compare.ts'
import { drawnCases, drawnPicture } from './drawn-picture.ts'

interface LetterboxCase {
  readonly seed: number
  readonly from: [width: number, height: number]
  readonly to: [width: number, height: number]
  readonly values: number[]
}

describe('toUnitRange', () => {
  it('gives planes of red, green and blue in -1 ... 1', () => {
    const picture = { width: 2, height: 1, data: Uint8Array.of(0, 51, 255, 127, 128, 204) }
    const [low, high, bright] = [-0.003921568393707275, 0.003921627998352051, 0.6000000238418579] // torch's
    const dim = -0.6000000238418579
    expect([...toUnitRange(picture)]).toEqual([-1, low, dim, high, 1, bright])
  })
})

describe('toMask', () => {
  it('is how white the red channel is', () => {
    const picture = { width: 3, height: 1, data: Uint8Array.of(0, 9, 9, 255, 9, 9, 51, 9, 9) }
    expect([...toMask(picture)]).toEqual([0, 1, 0.19999998807907104]) // torch's
  })

  it('is above a half from level 128 on', () => {
    const picture = { width: 2, height: 1, data: Uint8Array.of(127, 0, 0, 128, 0, 0) }
    expect([...toMask(picture)].map(value => value > 0.5)).toEqual([false, true])
  })
})

describe('nearestExactFrames', () => {
  // torch.nn.functional.interpolate(torch.arange(n), mode='nearest-exact')
  it.each([
    [1, 1, [0]],
    [5, 2, [1, 3]],
    [9, 3, [1, 4, 7]],
    [17, 5, [1, 5, 8, 11, 15]],
    [81, 21, [1, 5, 9, 13, 17, 21, 25, 28, 32, 36, 40, 44, 48, 52, 55, 59, 63, 67, 71, 75, 79]],
    [2, 4, [0, 0, 1, 1]],
  ])('picks of %i frames for %i', (from, to, frames) => {
    expect(nearestExactFrames(from, to)).toEqual(frames)
  })
})

describe('letterbox', () => {
  test.each(drawnCases<LetterboxCase>('letterbox'))(
    'lays $from on $to as diffusers does',
    ({ seed, from, to, values }) => {
      const canvas = letterbox(drawnPicture(...from, seed), { width: to[0], height: to[1] })
      expect(relativeError(canvas, values)).toBeLessThan(1e-6)
    },
  )

  it('leaves white on both sides of a high picture', () => {
    const black = { width: 8, height: 16, data: new Uint8Array(8 * 16 * 3) }
    const row = [1, 1, -1, -1, -1, -1, 1, 1]
    const canvas = letterbox(black, { width: 8, height: 8 })
    expect([...canvas]).toEqual(Array.from({ length: 3 * 8 }, () => row).flat())
  })

  it.each([
    [7, 30],
    [30, 7],
    [8, 3000],
  ])('refuses a picture of %i x %i, of which nothing would be left', (width, height) => {
    const refused = expect.objectContaining({ code: 'request/invalid' })
    expect(() => letterbox(drawnPicture(width, height, 1), { width: 64, height: 64 })).toThrow(refused)
  })
})
