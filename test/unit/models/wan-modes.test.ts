import { expect, test } from 'vitest'
import { wanModes, wanTransformerConfig } from '../../../models/wan/config.ts'
import { requestFields } from '../../../src/api/request-fields.ts'
import type { RequestFacts } from '../../../src/pipeline/model-facts.ts'
import { type GenerateRequest, planRequest } from '../../../src/pipeline/request.ts'

const facts: Omit<RequestFacts, 'modes' | 'requires'> = {
  geometry: { spatialStride: 8, temporalStride: 4, patch: [1, 2, 2] },
  defaults: { width: 32, height: 32, frames: 5, fps: 8, steps: 2, guidance: 1, negativePrompt: '' },
  textTokens: 16,
  experts: [{}],
  takes: [],
}

function planOf(config: object, request: Partial<GenerateRequest>) {
  const transformer = wanTransformerConfig.parse({ in_channels: 36, out_channels: 16, ...config })
  const context = { fields: requestFields, randomSeed: () => 7n }
  return planRequest({ prompt: '', ...request }, { ...facts, ...wanModes(transformer, false) }, context)
}

test('a checkpoint with learned positions of two pictures needs both', () => {
  const positions = { image_dim: 1280, pos_embed_seq_len: 514 }
  expect(() => planOf(positions, { image: 'a.png' })).toThrow(
    'request: expected a last frame (lastImage), which this checkpoint needs, got none.',
  )
  expect(planOf(positions, { image: 'a.png', lastImage: 'b.png' })).toMatchObject({ lastImage: 'b.png' })
})

test('one without a picture encoder takes a last frame where there is one', () => {
  expect(planOf({}, { image: 'a.png' })).toMatchObject({ lastImage: undefined })
  expect(planOf({}, { image: 'a.png', lastImage: 'b.png' })).toMatchObject({ lastImage: 'b.png' })
})
