import { describe, expect, it, test } from 'vitest'
import { type Filter, resample, resampleWindow } from '../../../src/media/resample.ts'
import { digest, drawnCases, drawnPicture } from './drawn-picture.ts'

interface PillowCase {
  readonly seed: number
  readonly from: [width: number, height: number]
  readonly to: [width: number, height: number]
  readonly sha256: Readonly<Record<Filter, string>>
}

const cases = drawnCases<PillowCase>('pillow-resize')
const all = ['nearest', 'box', 'bilinear', 'hamming', 'bicubic', 'lanczos'] as const

describe.each(all)('resample with %s', filter => {
  test.each(cases)('makes $to of $from to the bit as Pillow', ({ seed, from, to, sha256 }) => {
    const result = resample(drawnPicture(...from, seed), { width: to[0], height: to[1] }, filter)
    expect([result.width, result.height, digest(result.data)]).toEqual([...to, sha256[filter]])
  })

  it('keeps a plain colour', () => {
    const plain = { width: 5, height: 7, data: new Uint8Array(105).fill(255) }
    expect(resample(plain, { width: 11, height: 3 }, filter).data.every(level => level === 255)).toBe(true)
  })
})

describe('resample', () => {
  it('gives the picture itself when it has the size', () => {
    const picture = drawnPicture(6, 4, 1)
    expect(resample(picture, { width: 6, height: 4 }, 'lanczos')).toBe(picture)
  })

  it('leaves the picture that it reads as it was', () => {
    const picture = drawnPicture(20, 12, 1)
    resample(picture, { width: 7, height: 12 }, 'bicubic')
    expect(picture).toEqual(drawnPicture(20, 12, 1))
  })

  it.each([
    { width: 0, height: 4 },
    { width: 4, height: -1 },
    { width: 2.5, height: 4 },
    { width: 4, height: Number.NaN },
  ])('refuses to make $width x $height', size => {
    const refused = expect.objectContaining({ code: 'request/size' })
    expect(() => resample(drawnPicture(3, 3, 1), size, 'lanczos')).toThrow(refused)
  })
})

describe('resampleWindow', () => {
  const shapes = [
    { picture: drawnPicture(31, 23, 1), size: { width: 60, height: 50 } },
    { picture: drawnPicture(97, 83, 2), size: { width: 60, height: 50 } },
    { picture: drawnPicture(60, 83, 3), size: { width: 60, height: 50 } },
    { picture: drawnPicture(97, 50, 4), size: { width: 60, height: 50 } },
    { picture: drawnPicture(60, 50, 5), size: { width: 60, height: 50 } },
    { picture: drawnPicture(2, 301, 6), size: { width: 60, height: 50 } },
  ]
  it.each(shapes.flatMap(shape => all.map(filter => ({ ...shape, filter }))))(
    'is a part of the whole ($picture.width x $picture.height, $filter)',
    ({ picture, size, filter }) => {
      const whole = resample(picture, size, filter)
      const part = resampleWindow(picture, size, filter, { left: 11, top: 7, width: 20, height: 15 })
      const rows = Array.from({ length: 15 }, (_, y) => {
        const start = ((y + 7) * 60 + 11) * 3
        return [...whole.data.subarray(start, start + 60)]
      })
      expect(part).toEqual({ width: 20, height: 15, data: Uint8Array.from(rows.flat()) })
    },
  )

  it('cuts out of a picture far larger than memory', () => {
    const size = { width: 2 ** 31, height: 2 ** 31 }
    const window = { left: 2 ** 30, top: 2 ** 30, width: 2, height: 2 }
    const quarters = { width: 2, height: 2, data: Uint8Array.of(1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4) }
    expect(resampleWindow(quarters, size, 'box', window).data).toEqual(new Uint8Array(12).fill(4))
  })

  it.each([
    { left: -1, top: 0, width: 2, height: 2 },
    { left: 9, top: 0, width: 2, height: 2 },
    { left: 0, top: 9, width: 2, height: 2 },
    { left: 0, top: 0, width: 0, height: 2 },
  ])('refuses a window that is not inside ($left, $top, $width x $height)', window => {
    const call = () => resampleWindow(drawnPicture(3, 3, 1), { width: 10, height: 10 }, 'box', window)
    expect(call).toThrow(RangeError)
  })
})
