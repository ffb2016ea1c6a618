import { describe, expect, test } from 'vitest'
import { HttpError } from '../../../src/server/http/http-error.ts'
import {
  fitFrames,
  fitSize,
  inspectServed,
  nearest,
  type ServedModel,
} from '../../../src/server/models/served-model.ts'
import { planVideo, type WantedVideo } from '../../../src/server/tasks/plan-video.ts'

/** As a checkpoint of 480p with a VAE of 8 and patches of 2. */
const modes = ['text', 'image', 'control'] as const
const defaults = { width: 832, height: 480, frames: 81, fps: 16, steps: 50, guidance: 5, negativePrompt: '' }
const model: ServedModel = {
  checkpoint: 'a-checkpoint',
  modes,
  defaults,
  facts: {
    geometry: { spatialStride: 8, temporalStride: 4, patch: [1, 2, 2], maxTokensPerAxis: 41 * 6 },
    defaults,
    textTokens: 512,
    experts: [{}],
    modes,
    requires: [],
    takes: [],
  },
  sizes: {
    width: { first: 16, step: 16 },
    height: { first: 16, step: 16 },
    frames: { first: 1, step: 4, last: 161 },
  },
  adapters: [],
  maxPixels: 6 * 832 * 480,
}

const wanted: WantedVideo = { prompt: 'x', seed: 1, extensions: {}, naming: 'camel' }

describe('a size', () => {
  test('that the checkpoint has is made as it was asked for', () => {
    expect(fitSize(model, { width: 1280, height: 720 })).toEqual({ width: 1280, height: 720 })
    expect(fitSize(model, { width: 480, height: 832 })).toEqual({ width: 480, height: 832 })
  })

  test('between two goes to the nearest', () => {
    expect(fitSize(model, { width: 1024, height: 1792 })).toEqual({ width: 1024, height: 1792 })
    expect(fitSize(model, { width: 1001, height: 570 })).toEqual({ width: 1008, height: 576 })
  })

  test('that is too large is made in its shape, with the pixels of the checkpoint', () => {
    const { width, height } = fitSize(model, { width: 3840, height: 2160 })
    expect(width / height).toBeCloseTo(16 / 9, 1)
    expect(width * height).toBeGreaterThan(0.9 * 832 * 480)
    expect(width * height).toBeLessThan(1.1 * 832 * 480)
  })

  test('of the built-in model keeps shapes, too', async () => {
    const doodle = await inspectServed('doodle')
    expect(fitSize(doodle, { width: 1280, height: 720 })).toEqual({ width: 80, height: 48 })
    expect(fitSize(doodle, { width: 720, height: 1280 })).toEqual({ width: 48, height: 80 })
    expect(fitSize(doodle, { width: 64, height: 64 })).toEqual({ width: 64, height: 64 })
  })
})

test('a length becomes the nearest number of frames, within the limits of the checkpoint', () => {
  expect(fitFrames(model, 5, 16)).toBe(81)
  expect(fitFrames(model, 2, 24)).toBe(49)
  expect(fitFrames(model, 60, 16)).toBe(161)
  expect(fitFrames(model, 0.01, 16)).toBe(1)
  expect(nearest({ first: 8, step: 8 }, -5)).toBe(8)
})

describe('a plan', () => {
  test('has a size, a length and a seed, also when nothing was said', () => {
    const { seed, ...plan } = planVideo(model, { ...wanted, seed: undefined })
    expect(plan).toEqual({ prompt: 'x', width: 832, height: 480, frames: 81, fps: 16 })
    expect(seed).toMatch(/^\d+$/)
  })

  test('leaves the length to the video that it is made from, and no strength to one that is a control', () => {
    const plan = planVideo(model, { ...wanted, video: 'inputs/a' })
    expect(plan).not.toHaveProperty('frames')
    expect(plan).not.toHaveProperty('strength')
    const near: ServedModel = { ...model, modes: ['video'], facts: { ...model.facts, modes: ['video'] } }
    expect(planVideo(near, { ...wanted, video: 'inputs/a' })).toMatchObject({ strength: 0.7 })
    expect(planVideo(near, { ...wanted, video: 'inputs/a', strength: 0.2 })).toMatchObject({ strength: 0.2 })
  })

  test('takes extensions as they are, and refuses what the checkpoint cannot make', () => {
    const extensions = { frames: 17, width: 64, steps: 3, shift: 2 }
    expect(planVideo(model, { ...wanted, extensions })).toMatchObject({
      frames: 17,
      width: 64,
      steps: 3,
      shift: 2,
    })
    const refusalOf = (fields: object, naming: 'camel' | 'underscores') => {
      try {
        return planVideo(model, { ...wanted, naming, extensions: fields })
      } catch (error) {
        if (!(error instanceof HttpError)) throw error
        const [issue] = error.details.issues!
        return `${error.details.param}: ${issue!.message}`
      }
    }
    expect(refusalOf({ frames: 18 }, 'camel')).toBe(
      'numFrames: Expected 4k + 1 for this model, got 18. Use 17 or 21.',
    )
    expect(refusalOf({ frames: 985 }, 'underscores')).toBe(
      'num_frames: Expected at most 981 for this model, got 985. Use 981.',
    )
    expect(refusalOf({ width: 60 }, 'camel')).toBe(
      'width: Expected a multiple of 16 for this model, got 60. Use 48 or 64.',
    )
    expect(refusalOf({ guidance2: 3 }, 'underscores')).toMatch(
      /^guidance_scale_2: Expected a checkpoint with two/,
    )
    expect(refusalOf({ decodeTimestep: 0.1 }, 'camel')).toMatch(/^decodeTimestep: Expected a checkpoint that/)
  })

  test('leaves its shape to a picture, unless the request names one', () => {
    const plan = planVideo(model, { ...wanted, image: 'inputs/a' })
    expect(plan).toEqual({ prompt: 'x', seed: '1', image: 'inputs/a' })
    const size = { width: 1280, height: 720 }
    expect(planVideo(model, { ...wanted, image: 'inputs/a', size })).toMatchObject(size)
  })
})
