import { describe, expect, test } from 'vitest'
import { HttpError } from '../../../src/server/http/http-error.ts'
import {
  fitFrames,
  fitSize,
  inspectServed,
  isStep,
  nearest,
  type ServedModel,
} from '../../../src/server/models/served-model.ts'
import { planVideo, type WantedVideo } from '../../../src/server/tasks/plan-video.ts'

/** As a checkpoint of 480p with a VAE of 8 and patches of 2. */
const model: ServedModel = {
  checkpoint: 'a-checkpoint',
  modes: ['text', 'image', 'control'],
  defaults: { width: 832, height: 480, frames: 81, fps: 16, steps: 50, guidance: 5, negativePrompt: '' },
  sizes: {
    width: { first: 16, step: 16 },
    height: { first: 16, step: 16 },
    frames: { first: 1, step: 4, last: 161 },
  },
  adapters: [],
  maxPixels: 6 * 832 * 480,
}

const wanted: WantedVideo = { prompt: 'x', seed: 1, extensions: {} }

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
  expect([isStep({ first: 1, step: 4 }, 81), isStep({ first: 1, step: 4 }, 80)]).toEqual([true, false])
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
    const near = { ...model, modes: ['video'] } as ServedModel
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
    for (const wrong of [{ frames: 18 }, { width: 60 }, { height: 1 }, { frames: 165 }]) {
      expect(() => planVideo(model, { ...wanted, extensions: wrong })).toThrow(HttpError)
    }
  })
})
