import { describe, expect, test } from 'vitest'
import { Notices } from '../../../src/notices.ts'
import { HttpError } from '../../../src/server/http/http-error.ts'
import {
  defaultFrames,
  defaultSize,
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
  extends: false,
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

  test('is one that the checkpoint was trained at where nothing is asked for', async () => {
    const doodle = await inspectServed('doodle')
    const tall = { width: 720, height: 1280 }
    expect(defaultSize(doodle, tall)).toEqual({ width: 64, height: 64 })
    expect(defaultFrames(doodle, 4, 8)).toBe(17)
    const facts = { ...model.facts, trained: { sizes: ['832x480', '480x832'], frames: [33, 81] } }
    expect(defaultSize({ ...model, facts }, tall)).toEqual({ width: 480, height: 832 })
    expect(defaultFrames({ ...model, facts }, 4, 16)).toBe(81)
    expect(defaultSize(model, tall)).toEqual(fitSize(model, tall))
    expect(defaultFrames(model, 4, 16)).toBe(fitFrames(model, 4, 16))
  })
})

test('a usual length becomes the nearest number of frames, within the limits of the checkpoint', () => {
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

  test('says where a size and a length are not what the request asks for', () => {
    const said = (fields: Partial<WantedVideo>) => {
      const notices = new Notices()
      const plan = planVideo(model, { ...wanted, ...fields }, notices.add)
      return [plan.width, plan.frames, ...notices.take().map(({ message }) => message)]
    }
    const size = { width: 1001, height: 570 }
    const made = 'size: 1001x570 is made as 1008x576, which the model can make.'
    expect(said({ size })).toEqual([1008, 81, made])
    expect(said({ size: { width: 1280, height: 720 } })).toEqual([1280, 81])
    expect(said({ seconds: 5 })).toEqual([832, 81, 'seconds: 5 at 16 fps is rounded to 81 frames, 5.063 s.'])
    expect(said({ seconds: 1.0625, extensions: { fps: 16 } })).toEqual([832, 17])
    // What the API makes unless asked is nobody's wish, and what is said beside it wins.
    expect(said({ defaults: { size, seconds: 4 } })).toEqual([1008, 65])
    expect(said({ defaults: { seconds: 6000 } })).toEqual([832, 161])
    expect(said({ size, seconds: 5, extensions: { width: 64, height: 64, frames: 5 } })).toEqual([64, 5])
  })

  test.each([
    ['seconds', {}],
    ['duration', { seconds: ['duration'] }],
  ])('refuses %s beyond the longest that the checkpoint makes, which it names', (field, fields) => {
    const beyond = { ...wanted, fields, seconds: 62 }
    const refused = (more: Partial<WantedVideo>) => {
      try {
        return planVideo(model, { ...beyond, ...more })
      } catch (error) {
        const { details } = error as HttpError
        return `${details.param}: ${details.issues![0]!.message}`
      }
    }
    const expected = 'Expected at most 981 frames for this model, got 62 at'
    expect(refused({})).toBe(`${field}: ${expected} 16 fps. Use 61.31 or less.`)
    expect(refused({ extensions: { fps: 24 } })).toBe(`${field}: ${expected} 24 fps. Use 40.87 or less.`)
    expect(refused({ image: 'inputs/a' })).toBe(`${field}: ${expected} 16 fps. Use 61.31 or less.`)
    expect(refused({ seconds: 61 })).toMatchObject({ frames: 977 })
  })

  test('leaves its shape to a picture, unless the request names one', () => {
    const plan = planVideo(model, { ...wanted, image: 'inputs/a' })
    expect(plan).toEqual({ prompt: 'x', seed: '1', image: 'inputs/a', frames: 81, fps: 16 })
    const size = { width: 1280, height: 720 }
    expect(planVideo(model, { ...wanted, image: 'inputs/a', size })).toMatchObject(size)
  })
})
