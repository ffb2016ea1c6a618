import { describe, expect, it } from 'vitest'
import { colourMatrix } from '../../../src/media/colour-matrix.ts'
import { pixelLayout } from '../../../src/media/pixel-layout.ts'
import { planesToRgb } from '../../../src/media/planes-to-rgb.ts'
import { largestDifference } from '../../compare.ts'
import { colours } from './clip-samples.ts'

type Triple = readonly [number, number, number]

/** ITU-R BT.2020-2, table 4, with constant luminance: R′G′B′ in 0 … 1 to Y′C, C′BC and C′RC. */
function toConstantLuminance([red, green, blue]: Triple): Triple {
  const [alpha, beta] = [1.0993, 0.0181]
  const linear = (value: number) =>
    value < 4.5 * beta ? value / 4.5 : ((value + alpha - 1) / alpha) ** (1 / 0.45)
  const luminance = 0.2627 * linear(red) + 0.678 * linear(green) + 0.0593 * linear(blue)
  const luma = luminance < beta ? 4.5 * luminance : alpha * luminance ** 0.45 - (alpha - 1)
  const [b, r] = [blue - luma, red - luma]
  return [luma, b / (b < 0 ? 1.9404 : 1.5816), r / (r < 0 ? 1.7184 : 0.9936)]
}

/** ITU-T H.273, 8.3: Y, Cg, Co. */
function toYcgco([red, green, blue]: Triple): Triple {
  return [green / 2 + (red + blue) / 4, green / 2 - (red + blue) / 4, (red - blue) / 2]
}

/** One pixel of 12 bits in limited range. */
function coded([luma, second, third]: Triple): Uint8Array {
  const samples = [luma * 219 + 16, second * 224 + 128, third * 224 + 128].map(value =>
    Math.round(value * 16),
  )
  return Uint8Array.from(samples.flatMap(value => [value & 255, value >> 8]))
}

const planes = [0, 2, 4].map(offset => ({ offset, stride: 2 }))

describe('a decoded picture', () => {
  it.each([
    ['constant-luminance BT.2020', 10, toConstantLuminance],
    ['YCgCo', 8, toYcgco],
  ] as const)('becomes the colours that were written as %s', (_, code, encode) => {
    const matrix = colourMatrix(undefined, code, 64)
    if (typeof matrix === 'string') throw new Error(matrix)
    for (const colour of colours) {
      const buffer = coded(encode(colour.map(level => level / 255) as unknown as Triple))
      const rgb = planesToRgb(
        { buffer, planes, width: 1, height: 1 },
        pixelLayout('yuv444p12le')!,
        matrix,
        false,
      )
      expect(largestDifference(rgb, colour)).toBeLessThanOrEqual(1)
    }
  })

  it.each([
    ['the container', 'bt709', 9, [0.2126, 0.0722]],
    ['the stream', undefined, 7, [0.212, 0.087]],
    ['the stream, where WebCodecs has no name for it', null, 4, [0.3, 0.11]],
  ])('has the matrix that is marked in %s', (_, name, code, weights) => {
    expect(colourMatrix(name, code, 64)).toEqual({ kind: 'weights', weights })
  })

  it('has a matrix by its height where none is marked', () => {
    expect(colourMatrix(undefined, 2, 719)).toEqual(colourMatrix('smpte170m', 2, 64))
    expect(colourMatrix(undefined, undefined, 720)).toEqual(colourMatrix('bt709', 2, 64))
  })

  it('is refused by the name of its matrix where that cannot be undone', () => {
    expect(colourMatrix(undefined, 14, 64)).toBe('ICtCp')
  })
})

describe('the name of a pixel format', () => {
  it.each([
    ['yuv420p', 'yuv', [1, 1], 8, false],
    ['yuvj422p', 'yuv', [1, 0], 8, true],
    ['yuva444p10le', 'yuv', [0, 0], 10, false],
    ['yuv440p12le', 'yuv', [0, 1], 12, false],
    ['yuv411p', 'yuv', [2, 0], 8, false],
    ['gray10le', 'grey', [0, 0], 10, false],
    ['gbrp', 'gbr', [0, 0], 8, true],
    ['gbrap12le', 'gbr', [0, 0], 12, true],
    ['I422P10', 'yuv', [1, 0], 10, false],
  ] as const)('%s says how samples lie', (name, kind, chromaShift, depth, fullRange) => {
    expect(pixelLayout(name)).toEqual({ kind, chromaShift, depth, fullRange, interleaved: false })
  })

  it('is not understood where samples are packed otherwise', () => {
    for (const name of ['pal8', 'yuyv422', 'yuv420p10be', 'xyz12le', 'unknown']) {
      expect(pixelLayout(name)).toBeUndefined()
    }
  })
})
