import { describe, expect, test } from 'vitest'
import { apiName, extensionsOf, offeredFields } from '../../../src/server/generation-fields.ts'
import { createBody } from '../../../src/server/openai/create-body.ts'
import { openApiDocument } from '../../../src/server/openapi.ts'
import { allRoutes } from '../../../src/server/routes.ts'
import { textToVideoBody } from '../../../src/server/runway/video-bodies.ts'
import type { Services } from '../../../src/server/services.ts'

/** A value of every field, as the engine takes it. */
const values = {
  promptSuffix: 'in ink',
  negativePrompt: 'rain',
  preset: 'lightning',
  steps: 3,
  sampler: 'dpm++2m',
  shift: 2.5,
  boundary: 0.875,
  stepCache: 0.1,
  guidance: 4,
  guidance2: 3,
  guidanceMethod: 'apg',
  guidanceInterval: [0.1, 0.9],
  guidanceRescale: 0.5,
  zeroInitSteps: 2,
  apgEta: 0.5,
  apgNormThreshold: 20,
  apgMomentum: -0.25,
  width: 64,
  height: 32,
  frames: 17,
  fps: 12.5,
  fit: 'crop',
  imageNoiseScale: 0.2,
  controlScale: [1, 0.5],
  decodeTimestep: 0.05,
  decodeNoiseScale: 0.02,
  audioGuidance: 4,
  audioGuidanceRescale: 0.25,
  stgScale: 0.5,
  audioStgScale: 2,
  stgBlocks: [1, 2],
  modalityGuidance: 1.5,
  audioModalityGuidance: 2.5,
  useCrossTimestep: false,
  imageCrf: 0,
  shiftTokens: 4096,
  audio: false,
} as const

const named = (naming: 'camel' | 'underscores') =>
  Object.fromEntries(Object.entries(values).map(([field, value]) => [apiName(field, naming), value]))

describe('the extensions of the APIs', () => {
  test('are tried here, all of them', () => {
    expect(offeredFields.map(({ field }) => field).sort()).toEqual(Object.keys(values).sort())
  })

  test("come through Runway's bodies as the engine's fields", () => {
    const body = { model: 'm', promptText: 'x', ...named('camel') }
    expect(extensionsOf(textToVideoBody(undefined).parse(body), 'camel')).toEqual(values)
  })

  test("come through OpenAI's bodies as the engine's fields, as JSON and as the text of a form", () => {
    const json = { prompt: 'x', ...named('underscores') }
    expect(json).toMatchObject({
      num_inference_steps: 3,
      guidance_scale_2: 3,
      num_frames: 17,
      flow_shift: 2.5,
    })
    expect(extensionsOf(createBody.parse(json), 'underscores')).toEqual(values)
    const form = Object.fromEntries(
      Object.entries(json).map(([name, value]) => [
        name,
        typeof value === 'string' ? value : JSON.stringify(value),
      ]),
    )
    expect(extensionsOf(createBody.parse(form), 'underscores')).toEqual(values)
  })

  test.each([
    { numInferenceSteps: 0 },
    { guidanceScale: 101 },
    { sampler: 'ddim' },
    { guidanceInterval: [0, 2] },
    { numFrames: 10_001 },
    { width: 20_000 },
  ])('are held to their ranges: %j', wrong => {
    expect(textToVideoBody(undefined).safeParse({ model: 'm', promptText: 'x', ...wrong }).success).toBe(
      false,
    )
    const [[name, value]] = Object.entries(wrong) as [[string, unknown]]
    const underscored = name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)
    expect(createBody.safeParse({ prompt: 'x', [underscored]: value }).success).toBe(false)
  })

  test('are in the OpenAPI document, each with what it does', () => {
    const document = JSON.parse(
      JSON.stringify(openApiDocument(allRoutes({} as Services, Buffer.alloc(32)))),
    ) as {
      paths: Record<string, { post: { requestBody: { content: Record<string, { schema: Schema }> } } }>
    }
    const properties = (path: string) =>
      document.paths[path]!.post.requestBody.content['application/json']!.schema.properties
    for (const { field, about } of offeredFields) {
      expect(JSON.stringify(properties('/v1/text_to_video')[apiName(field, 'camel')])).toContain(about)
      expect(JSON.stringify(properties('/v1/videos')[apiName(field, 'underscores')])).toContain(about)
    }
  })
})

interface Schema {
  readonly properties: Readonly<Record<string, object>>
}
