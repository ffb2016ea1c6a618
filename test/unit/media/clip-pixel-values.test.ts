import { describe, expect, it, test } from 'vitest'
import { clipPixelValues } from '../../../src/media/clip-pixel-values.ts'
import { digest, drawnCases, drawnPicture } from './drawn-picture.ts'

interface ClipCase {
  readonly seed: number
  readonly from: [width: number, height: number]
  readonly config: object
  readonly side: number
  readonly sha256: string
}

describe('clipPixelValues', () => {
  test.each(drawnCases<ClipCase>('clip-pixel-values'))(
    'makes of $from with $config what transformers does, to the bit',
    ({ seed, from, config, side, sha256 }) => {
      const { data, size } = clipPixelValues(drawnPicture(...from, seed), config)
      expect([size, data.length, digest(data)]).toEqual([side, 3 * side * side, sha256])
    },
  )

  it('needs no more memory for a picture a million times as wide as high', () => {
    const line = { width: 1_000_000, height: 1, data: new Uint8Array(3_000_000).fill(255) }
    const { data, size } = clipPixelValues(line, { do_normalize: false })
    expect(size).toBe(224)
    expect(data.every(value => value === 1)).toBe(true)
  })

  it.each([
    [{ resample: 9 }, 'preprocessor_config.json resample'],
    [{ do_center_crop: false }, 'preprocessor_config.json do_center_crop'],
    [{ crop_size: { height: 20, width: 30 } }, 'preprocessor_config.json crop_size'],
    [{ size: { longest_edge: 20 } }, 'preprocessor_config.json size'],
    [{ image_std: [1, 1] }, 'preprocessor_config.json image_std'],
    [{ size: 1e9 }, 'preprocessor_config.json size'],
    [null, 'preprocessor_config.json'],
  ])('refuses %j by name', (config, subject) => {
    const about = expect.objectContaining({ subject })
    const refused = expect.objectContaining({ code: 'checkpoint/config', expectation: about })
    expect(() => clipPixelValues(drawnPicture(3, 3, 1), config)).toThrow(refused)
  })
})
