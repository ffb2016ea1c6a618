import { describe, expect, test } from 'vitest'
import { requestFields } from '../../../src/api/request-fields.ts'
import type { RequestFacts } from '../../../src/pipeline/model-facts.ts'
import { planRequest } from '../../../src/pipeline/request.ts'

const facts: RequestFacts = {
  geometry: { spatialStride: 8, temporalStride: 8, patch: [1, 1, 1] },
  defaults: { width: 64, height: 64, frames: 17, fps: 8, steps: 2, guidance: 1, negativePrompt: '' },
  textTokens: 16,
  experts: [{}],
  modes: ['text', 'last-image', 'keyframes'],
  requires: [],
  takes: [],
}

/** Where keyframes stand in a video of so many frames. */
function placed(frames: number, given: readonly number[], of: Partial<RequestFacts> = {}): number[] {
  const keyframes = given.map(frame => ({ frame, path: `${frame}.png` }))
  const request = { prompt: '', frames, keyframes }
  const plan = planRequest(request, { ...facts, ...of }, { fields: requestFields, randomSeed: () => 7n })
  return plan.keyframes.map(({ frame }) => frame)
}

describe('a keyframe before frame 0', () => {
  test('is counted from the end', () => {
    expect(placed(17, [0, -1, -9, 3])).toEqual([0, 16, 8, 3])
  })

  test('stands at the first frame of its latent frame for models that hold those, as LTX-2 at index -1', () => {
    const latents = { countedFromEnd: 'latents' } as const
    expect(placed(17, [-1, -9, -17, 5], latents)).toEqual([9, 1, 0, 5])
    expect(placed(1, [-1], latents)).toEqual([0])
  })

  test('is refused before the beginning', () => {
    expect(() => placed(17, [-18])).toThrow('keyframe: expected a frame from -17 to 16, got -18.')
  })

  test('is refused where a picture stands already', () => {
    expect(() => placed(17, [-1, 16])).toThrow('keyframe 16:16.png: expected no other picture for frame 16')
  })
})
