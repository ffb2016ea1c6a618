import { describe, expect, test } from 'vitest'
import type { MediaFacts } from '../../../src/media/probe.ts'
import type { GenerateRequest } from '../../../src/pipeline/fields/request-fields.ts'
import { shapeOf, shapingInput } from '../../../src/pipeline/like-inputs.ts'
import type { RequestFacts } from '../../../src/pipeline/model-facts.ts'

const facts: RequestFacts = {
  geometry: { spatialStride: 8, temporalStride: 4, patch: [1, 2, 2] },
  defaults: { width: 64, height: 64, frames: 33, fps: 8, steps: 20, guidance: 3, negativePrompt: '' },
  textTokens: 32,
  experts: [{}],
  modes: ['text', 'image', 'last-image', 'keyframes', 'video'],
  requires: [],
  takes: [],
}

const clip: MediaFacts = {
  kind: 'video',
  width: 192,
  height: 108,
  pictureCount: 50,
  durationSeconds: 2.1,
  fps: 24,
  variable: false,
}

const picture: MediaFacts = { ...clip, kind: 'picture', pictureCount: 1, durationSeconds: undefined }

const shape = (request: Partial<GenerateRequest>, input = clip) =>
  shapeOf({ prompt: '', ...request }, facts, input)

describe('a video that is made of a clip', () => {
  test('has the shape of the clip and plays for as long, at the rate of the model', () => {
    expect(shape({ video: 'a.mp4' })).toEqual({ width: 80, height: 48, fit: 'crop', frames: 17 })
    expect(shape({ video: 'a.mp4' }, { ...clip, width: 108, height: 192 })).toMatchObject({
      width: 48,
      height: 80,
    })
  })

  test('is no longer than the model makes, and no longer than the clip', () => {
    expect(shape({ video: 'a.mp4' }, { ...clip, durationSeconds: 60 }).frames).toBe(33)
    expect(shape({ video: 'a.mp4' }, { ...clip, durationSeconds: 1.9 }).frames).toBe(13)
    expect(shape({ video: 'a.mp4' }, { ...clip, durationSeconds: undefined, pictureCount: 7 }).frames).toBe(5)
  })

  test('has the size, length and rate that are asked for', () => {
    expect(shape({ video: 'a.mp4', width: 64, height: 64, frames: 9 })).toEqual({
      width: 64,
      height: 64,
      fit: 'stretch',
    })
    expect(shape({ video: 'a.mp4', fps: 16 }).frames).toBe(33)
    expect(shape({ video: 'a.mp4', seconds: 1 }).frames).toBeUndefined()
    expect(shape({ video: 'a.mp4', width: 96 })).toMatchObject({ width: 96, height: 48, fit: 'crop' })
  })

  test('keeps a size that the model can make', () => {
    expect(shape({ extend: 'a.mp4' }, { ...clip, width: 80, height: 64 })).toEqual({
      width: 80,
      height: 64,
      fit: 'crop',
    })
  })
})

test.each([
  [192, 64, 96, 32],
  [64, 192, 32, 96],
  [4000, 3000, 64, 48],
  [1000, 1000, 64, 64],
])('a picture of %dx%d makes a video of %dx%d', (width, height, madeWidth, madeHeight) => {
  expect(shape({ image: 'a.png' }, { ...picture, width, height })).toEqual({
    width: madeWidth,
    height: madeHeight,
    fit: 'crop',
  })
})

test('the shape is that of what is gone on or started from, else of the earliest picture', () => {
  const keyframes = [
    { frame: 8, path: 'late' },
    { frame: 2, path: 'early' },
  ]
  expect(shapingInput({ prompt: '', lastImage: 'last', keyframes })).toBe('early')
  expect(shapingInput({ prompt: '', lastImage: 'last', image: 'first' })).toBe('first')
  expect(shapingInput({ prompt: '', video: 'clip', image: 'first' })).toBe('clip')
  expect(shapingInput({ prompt: '', references: ['r.png'] })).toBeUndefined()
})
