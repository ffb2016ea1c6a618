import { describe, expect, it } from 'vitest'
import { nearestShape, nearestSize } from '../../../src/geometry/nearest-size.ts'
import { canMake, type VideoGeometry } from '../../../src/geometry/video-geometry.ts'

const fine: VideoGeometry = { spatialStride: 8, temporalStride: 4, patch: [1, 2, 2] }
const coarse: VideoGeometry = { spatialStride: 32, temporalStride: 8, patch: [1, 1, 1] }

describe('the nearest size', () => {
  it.each([
    [fine, 1, 64 * 64, 64, 64],
    [fine, 16 / 9, 64 * 64, 80, 48],
    [fine, 9 / 16, 64 * 64, 48, 80],
    [fine, 4 / 3, 64 * 64, 64, 48],
    [fine, 832 / 480, 832 * 480, 832, 480],
    [fine, 3, 832 * 480, 1104, 368],
    [coarse, 16 / 9, 768 * 512, 864, 480],
  ])('of %o for aspect %d at %d pixels is %dx%d', (geometry, aspect, pixels, width, height) => {
    expect(nearestSize(geometry, aspect, pixels)).toEqual({ width, height })
  })

  it('can be made, and has the shape to a tenth and about the pixels, for every usual shape', () => {
    for (const geometry of [fine, coarse]) {
      for (let aspect = 1 / 3; aspect <= 3; aspect *= 1.01) {
        const size = nearestSize(geometry, aspect, 768 * 512)
        expect(canMake(geometry, size)).toBe(true)
        expect(Math.abs(Math.log(size.width / size.height / aspect))).toBeLessThan(0.1)
        expect(Math.abs(Math.log((size.width * size.height) / (768 * 512)))).toBeLessThan(0.25)
      }
    }
  })

  it('stays within the sizes of a model for shapes that it does not have', () => {
    const small = { ...fine, maxTokensPerAxis: 8 }
    expect(nearestSize(small, 1000, 64 * 64)).toEqual({ width: 128, height: 16 })
    expect(canMake(small, nearestSize(small, 0.001, 1e9))).toBe(true)
  })
})

describe('the nearest shape of a list', () => {
  const sizes = [
    { width: 32, height: 128 },
    { width: 48, height: 80 },
    { width: 64, height: 64 },
    { width: 80, height: 48 },
    { width: 128, height: 32 },
  ]

  it.each([
    [
      { width: 100, height: 100 },
      { width: 64, height: 64 },
    ],
    [
      { width: 170, height: 100 },
      { width: 80, height: 48 },
    ],
    // 1.5 is nearer to 1.66667 than to 1, which it is on the other side of.
    [
      { width: 100, height: 150 },
      { width: 64, height: 64 },
    ],
    [
      { width: 100, height: 900 },
      { width: 32, height: 128 },
    ],
    [
      { width: 900, height: 100 },
      { width: 128, height: 32 },
    ],
  ])('is for %o, no further from a square than it is, %o', (picture, size) => {
    expect(nearestShape(sizes, picture)).toEqual(size)
  })
})
