import { describe, expect, it } from 'vitest'
import { rgbToYuv } from '../../../src/media/rgb-to-yuv.ts'
import { lumaWeights, type YuvFormat, yuvToRgb } from '../../../src/media/yuv-to-rgb.ts'
import { largestDifference } from '../../compare.ts'

const limited: YuvFormat = {
  chromaShift: [1, 1],
  depth: 8,
  interleaved: false,
  fullRange: false,
  weights: lumaWeights.bt709,
}

describe('RGB to 4:2:0', () => {
  it.each([
    ['black', [0, 0, 0], [16, 128, 128]],
    ['white', [255, 255, 255], [235, 128, 128]],
    ['red', [255, 0, 0], [63, 102, 240]],
    ['green', [0, 255, 0], [173, 42, 26]],
    ['blue', [0, 0, 255], [32, 240, 118]],
  ])('gives the published BT.709 numbers of %s', (_, rgb, yuv) => {
    const planes = rgbToYuv(Uint8Array.from([...rgb, ...rgb, ...rgb, ...rgb]), 2, 2)
    expect([planes[0], planes[4], planes[5]]).toEqual(yuv)
  })

  it('and back is off by at most two levels for every colour of a grid over the cube', () => {
    const levels = [0, 1, 15, 64, 127, 128, 192, 240, 254, 255]
    let worst = 0
    for (const red of levels)
      for (const green of levels)
        for (const blue of levels) {
          const rgb = Uint8Array.from({ length: 12 }, (_, at) => [red, green, blue][at % 3]!)
          const planes = [
            { offset: 0, stride: 2 },
            { offset: 4, stride: 1 },
            { offset: 5, stride: 1 },
          ]
          worst = Math.max(
            worst,
            largestDifference(yuvToRgb(rgbToYuv(rgb, 2, 2), planes, 2, 2, limited), rgb),
          )
        }
    expect(worst).toBeLessThanOrEqual(2)
  })

  it('repeats the last row and column of odd sizes', () => {
    const planes = rgbToYuv(Uint8Array.of(0, 0, 0, 255, 255, 255, 255, 0, 0), 3, 1)
    expect(Array.from(planes)).toEqual([16, 235, 63, 63, 16, 235, 63, 63, 128, 102, 128, 240])
  })

  it('takes the mean colour of four pixels', () => {
    const planes = rgbToYuv(Uint8Array.of(255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 2, 2)
    expect(planes[4]).toBe(Math.round(128 + (102.1 - 128) / 4))
    expect(planes[5]).toBe(128 + 112 / 4)
  })
})

describe('decoded pictures', () => {
  const planar = (bytes: number) => [0, 1, 2].map(index => ({ offset: index * bytes, stride: bytes }))

  it.each([
    ['BT.601', lumaWeights.bt601, [81, 90, 240], [255, 0, 0]],
    ['BT.709', lumaWeights.bt709, [63, 102, 240], [255, 0, 0]],
    ['BT.2020', lumaWeights.bt2020, [74, 97, 240], [255, 0, 0]],
  ])('become red from the numbers of red in %s', (_, weights, yuv, rgb) => {
    const result = yuvToRgb(Uint8Array.from(yuv), planar(1), 1, 1, {
      ...limited,
      chromaShift: [0, 0],
      weights,
    })
    expect(largestDifference(result, rgb)).toBeLessThanOrEqual(1)
  })

  it('may use the full range', () => {
    const grey = Uint8Array.of(255, 128, 128)
    const format = { ...limited, chromaShift: [0, 0] as const, fullRange: true }
    expect(Array.from(yuvToRgb(grey, planar(1), 1, 1, format))).toEqual([255, 255, 255])
  })

  it('may have 10 bits in two bytes', () => {
    const white = Uint8Array.of(940 & 255, 940 >> 8, 0, 2, 0, 2)
    const format = { ...limited, chromaShift: [0, 0] as const, depth: 10 }
    expect(Array.from(yuvToRgb(white, planar(2), 1, 1, format))).toEqual([255, 255, 255])
  })

  it('may have their colours in one plane, and rows that are padded', () => {
    const buffer = Uint8Array.of(63, 63, 0, 0, 63, 63, 0, 0, 102, 240)
    const planes = [
      { offset: 0, stride: 4 },
      { offset: 8, stride: 2 },
    ]
    const rgb = yuvToRgb(buffer, planes, 2, 2, { ...limited, interleaved: true })
    expect(largestDifference(rgb, [255, 0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0])).toBeLessThanOrEqual(2)
  })
})
