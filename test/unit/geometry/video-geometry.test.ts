import { describe, expect, test } from 'vitest'
import { FramewrightError } from '../../../src/errors.ts'
import {
  framesForSeconds,
  latentFramesOf,
  type PixelSize,
  pixelFramesOf,
  toLatent,
  toPixels,
  toTokens,
  type VideoGeometry,
} from '../../../src/geometry/video-geometry.ts'

const wan21: VideoGeometry = { spatialStride: 8, temporalStride: 4, patch: [1, 2, 2] }
const wan22: VideoGeometry = { spatialStride: 16, temporalStride: 4, patch: [1, 2, 2] }
const ltx: VideoGeometry = { spatialStride: 32, temporalStride: 8, patch: [1, 1, 1] }
const still: VideoGeometry = { spatialStride: 8, temporalStride: 1, patch: [1, 2, 4] }
const mirrored: VideoGeometry = { spatialStride: 32, temporalStride: 8, patch: [1, 1, 1], smallestSide: 2 }
const deepPatch: VideoGeometry = { spatialStride: 8, temporalStride: 4, patch: [2, 2, 2] }

function thrown(act: () => unknown): { code: string; message: string } {
  try {
    act()
  } catch (error) {
    if (!FramewrightError.is(error)) throw error
    return { code: error.code, message: error.message }
  }
  throw new Error('expected an error, got none')
}

/** The message for a size of which one side does not fit. */
function refusal(geometry: VideoGeometry, pixels: Partial<PixelSize>): string {
  const { code, message } = thrown(() => toLatent(geometry, { width: 64, height: 64, frames: 9, ...pixels }))
  expect(code).toBe('request/size')
  return message
}

describe('toLatent and toTokens', () => {
  test.each([
    ['Wan 2.1 480p', wan21, [832, 480, 81], [21, 60, 104], [21, 30, 52], 32_760],
    ['Wan 2.1 720p', wan21, [1280, 720, 81], [21, 90, 160], [21, 45, 80], 75_600],
    ['Wan 2.2 5B 720p', wan22, [1280, 704, 121], [31, 44, 80], [31, 22, 40], 27_280],
    ['LTX', ltx, [704, 480, 161], [21, 15, 22], [21, 15, 22], 6930],
    ['one frame', wan21, [16, 16, 1], [1, 2, 2], [1, 1, 1], 1],
    ['a patch of two frames', deepPatch, [16, 16, 5], [2, 2, 2], [1, 1, 1], 1],
    ['the largest of Wan', wan21, [16_384, 16_384, 4093], [1024, 2048, 2048], [1024, 1024, 1024], 2 ** 30],
  ] as const)('give the grids of %s', (_, geometry, [width, height, frames], latents, grid, tokens) => {
    const latent = toLatent(geometry, { width, height, frames })
    expect(latent).toEqual({ latentFrames: latents[0], latentHeight: latents[1], latentWidth: latents[2] })
    expect(toTokens(geometry, latent)).toEqual({ frames: grid[0], height: grid[1], width: grid[2], tokens })
    expect(toPixels(geometry, latent)).toEqual({ width, height, frames })
  })

  test.each([
    [mirrored, { width: 32 }, 'width: expected a multiple of 32 from 64 on for this model, got 32. Use 64.'],
    [wan21, { frames: 80 }, 'frames: expected 4k + 1 for this model, got 80. Use 77 or 81.'],
    [wan21, { frames: 2 }, 'frames: expected 4k + 1 for this model, got 2. Use 1 or 5.'],
    [wan21, { frames: 0 }, 'frames: expected 4k + 1 for this model, got 0. Use 1.'],
    [wan21, { frames: -3 }, 'frames: expected 4k + 1 for this model, got -3. Use 1.'],
    [wan21, { frames: 4.5 }, 'frames: expected 4k + 1 for this model, got 4.5. Use 1 or 5.'],
    [wan21, { frames: Number.NaN }, 'frames: expected 4k + 1 for this model, got NaN. Use 1.'],
    [wan21, { frames: 4097 }, 'frames: expected at most 4093 for this model, got 4097. Use 4093.'],
    [wan21, { frames: 4094 }, 'frames: expected at most 4093 for this model, got 4094. Use 4093.'],
    [wan21, { frames: 4092 }, 'frames: expected 4k + 1 for this model, got 4092. Use 4089 or 4093.'],
    [ltx, { frames: 80 }, 'frames: expected 8k + 1 for this model, got 80. Use 73 or 81.'],
    [deepPatch, { frames: 9 }, 'frames: expected 8k + 5 for this model, got 9. Use 5 or 13.'],
    [still, { frames: 1.5 }, 'frames: expected a positive integer for this model, got 1.5. Use 1 or 2.'],
    [wan21, { width: 50 }, 'width: expected a multiple of 16 for this model, got 50. Use 48 or 64.'],
    [wan21, { height: 50 }, 'height: expected a multiple of 16 for this model, got 50. Use 48 or 64.'],
    [wan21, { width: 8 }, 'width: expected a multiple of 16 for this model, got 8. Use 16.'],
    [wan21, { width: 0 }, 'width: expected a positive multiple of 16 for this model, got 0. Use 16.'],
    [wan21, { width: -16 }, 'width: expected a positive multiple of 16 for this model, got -16. Use 16.'],
    [wan21, { width: 48.5 }, 'width: expected a multiple of 16 for this model, got 48.5. Use 48 or 64.'],
    [
      wan21,
      { width: Number.POSITIVE_INFINITY },
      'width: expected at most 16384 for this model, got Infinity. Use 16384.',
    ],
    [wan21, { height: 16_400 }, 'height: expected at most 16384 for this model, got 16400. Use 16384.'],
    [wan22, { height: 720 }, 'height: expected a multiple of 32 for this model, got 720. Use 704 or 736.'],
    [still, { width: 48 }, 'width: expected a multiple of 32 for this model, got 48. Use 32 or 64.'],
  ] as const)('refuse with %j the size %j', (geometry, pixels, message) => {
    expect(refusal(geometry, pixels)).toBe(message)
  })

  test('name only sizes that fit', () => {
    for (const geometry of [wan21, wan22, ltx, deepPatch]) {
      for (let frames = -1; frames < 40; frames++) {
        try {
          latentFramesOf(geometry, frames)
        } catch (error) {
          const advised = /Use (\d+)(?: or (\d+))?\.$/.exec((error as Error).message)!
          for (const text of advised.slice(1)) {
            if (text !== undefined) expect(() => latentFramesOf(geometry, Number(text))).not.toThrow()
          }
        }
      }
    }
  })

  test('hold the limit that a geometry states', () => {
    const short = { ...wan21, maxTokensPerAxis: 4 }
    expect(toLatent(short, { width: 64, height: 64, frames: 13 }).latentFrames).toBe(4)
    expect(refusal(short, { width: 80 })).toContain('width: expected at most 64')
    expect(refusal(short, { frames: 17 })).toContain('frames: expected at most 13')
  })

  test('refuse latents that patches do not tile', () => {
    const { code, message } = thrown(() =>
      toTokens(wan21, { latentFrames: 3, latentHeight: 5, latentWidth: 4 }),
    )
    expect(code).toBe('request/size')
    expect(message).toBe('latentHeight: expected a multiple of 2 for this model, got 5. Use 4 or 6.')
  })
})

describe('frame counts', () => {
  test('go back and forth between frames and latent frames', () => {
    for (let latentFrames = 1; latentFrames <= 30; latentFrames++) {
      expect(pixelFramesOf(wan21, latentFrames)).toBe(4 * (latentFrames - 1) + 1)
      expect(latentFramesOf(wan21, pixelFramesOf(wan21, latentFrames))).toBe(latentFrames)
    }
  })

  test.each([
    [5, 16, 81],
    [4.9, 16, 77],
    [79 / 16, 16, 81],
    [78.9 / 16, 16, 77],
    [0.001, 16, 1],
    [2.99 / 16, 16, 1],
    [3 / 16, 16, 5],
    [5, 24, 121],
    [1, 29.97, 29],
  ])('nearest to %f seconds at %f fps are right', (seconds, fps, frames) => {
    expect(framesForSeconds(wan21, seconds, fps)).toBe(frames)
  })

  test('of a duration fit a patch of several latent frames', () => {
    expect(framesForSeconds(deepPatch, 0.1, 16)).toBe(5)
    expect(framesForSeconds(deepPatch, 1, 16)).toBe(13)
  })

  test('refuse durations and rates that are not positive, and clips that are too long', () => {
    for (const bad of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(thrown(() => framesForSeconds(wan21, bad, 16))).toEqual({
        code: 'request/invalid',
        message: `seconds: expected a positive number, got ${bad}.`,
      })
      expect(thrown(() => framesForSeconds(wan21, 5, bad))).toMatchObject({ code: 'request/invalid' })
    }
    expect(thrown(() => framesForSeconds(wan21, 300, 16))).toEqual({
      code: 'request/size',
      message: 'seconds: expected at most 4093 frames for this model, got 300 at 16 fps. Use 255.81 or less.',
    })
    expect(framesForSeconds(wan21, 255.81, 16)).toBe(4093)
    expect(thrown(() => framesForSeconds(wan21, 1e308, 1e308))).toMatchObject({ code: 'request/size' })
  })
})
