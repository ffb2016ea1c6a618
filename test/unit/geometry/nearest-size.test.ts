import { describe, expect, it } from 'vitest'
import { nearestSize } from '../../../src/geometry/nearest-size.ts'
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
