import { beforeAll, describe, expect, test } from 'vitest'
import { families } from '../../../models/index.ts'
import { requestFields } from '../../../src/api/request-fields.ts'
import { openCheckpoint } from '../../../src/engine/checkpoint.ts'
import { RequestError } from '../../../src/errors.ts'
import type { ModelFacts } from '../../../src/pipeline/family.ts'
import { type GenerateRequest, planRequest } from '../../../src/pipeline/request.ts'
import { fixture } from '../../fixtures.ts'

let facts: ModelFacts

beforeAll(async () => {
  facts = (await openCheckpoint(fixture('wan21-t2v/model'), families)).model.facts
})

const plan = (request: object) =>
  planRequest(request as GenerateRequest, facts, { fields: requestFields, randomSeed: () => 7n })

describe('a plan', () => {
  test('has the defaults of the model where the request is silent', () => {
    const { width, height, frames, fps, steps, guidance, negativePrompt } = facts.defaults
    expect(plan({ prompt: 'a cat' })).toMatchObject({
      prompt: 'a cat',
      ...{ width, height, frames, fps, steps, negativePrompt },
      guidance: [guidance],
      guidanceInterval: [0, 1],
      guidanceRescale: 0,
      seed: 7n,
      sampler: undefined,
      shift: undefined,
      textTokens: facts.textTokens,
      tensors: false,
    })
  })

  test('is made with one schema of a field for all requests', () => {
    let made = 0
    const schema: typeof requestFields.steps.schema = z => {
      made++
      return requestFields.steps.schema(z)
    }
    const fields = { ...requestFields, steps: { ...requestFields.steps, schema } }
    for (const steps of [3, 4]) {
      expect(planRequest({ prompt: 'a cat', steps }, facts, { fields, randomSeed: () => 7n }).steps).toBe(
        steps,
      )
    }
    expect(made).toBe(1)
  })

  test('has what the request says', () => {
    const request = {
      prompt: 'a cat',
      negativePrompt: 'a dog',
      width: 64,
      height: 32,
      frames: 5,
      fps: 8,
      steps: 3,
      guidance: [1.5],
      guidanceInterval: [0.1, 0.9] as const,
      guidanceRescale: 0.7,
      sampler: 'euler',
      shift: 8,
      chunk: 2,
      tensors: true,
    }
    expect(plan({ ...request, seed: 12, maxTextTokens: 64 })).toMatchObject({
      ...request,
      seed: 12n,
      textTokens: 64,
    })
  })

  test.each([
    [0, 0n],
    [Number.MAX_SAFE_INTEGER, 2n ** 53n - 1n],
    [2n ** 64n - 1n, 2n ** 64n - 1n],
  ])('takes the seed %s', (given, seed) => {
    expect(plan({ prompt: '', seed: given }).seed).toBe(seed)
  })

  test('turns seconds into the nearest count of frames; frames win', () => {
    expect(plan({ prompt: '', seconds: 2, fps: 16 }).frames).toBe(33)
    expect(plan({ prompt: '', seconds: 2, fps: 16, frames: 5 }).frames).toBe(5)
  })

  test('may have an empty prompt', () => {
    expect(plan({ prompt: '' }).prompt).toBe('')
  })
})

describe('a request that is wrong', () => {
  test.each<[object, string]>([
    [{}, 'prompt: expected text, got nothing.'],
    [{ prompt: 3 }, 'prompt: expected text, got 3.'],
    [{ width: 0 }, 'width: expected more than 0, got 0.'],
    [{ width: 64.5 }, 'width: expected a whole number, got 64.5.'],
    [{ height: '64' }, 'height: expected a number, got "64".'],
    [{ frames: -1 }, 'frames: expected more than 0, got -1.'],
    [{ frames: Number.NaN }, 'frames: expected a number, got NaN.'],
    [{ seconds: 0 }, 'seconds: expected more than 0, got 0.'],
    [{ fps: 241 }, 'fps: expected more than 0, up to 240, got 241.'],
    [{ steps: 0 }, 'steps: expected 1 to 1000, got 0.'],
    [{ steps: 1001 }, 'steps: expected 1 to 1000, got 1001.'],
    [{ guidance: -0.5 }, 'guidance: expected 0 to 100, got -0.5.'],
    [{ guidance: Number.POSITIVE_INFINITY }, 'guidance: expected a number, got Infinity.'],
    [{ guidanceInterval: [0, 2] }, 'guidanceInterval.1: expected 0 to 1, got 2.'],
    [{ guidanceInterval: 0.5 }, 'guidanceInterval: expected a list, got 0.5.'],
    [{ apgMomentum: 1 }, 'apgMomentum: expected more than -1, less than 1, got 1.'],
    [{ guidanceRescale: 2 }, 'guidanceRescale: expected 0 to 1, got 2.'],
    [{ seed: -1 }, 'seed: expected at least 0, got -1.'],
    [{ seed: 0.5 }, 'seed: expected a whole number from 0 to 2^64 - 1, got 0.5.'],
    [{ seed: 2n ** 64n }, 'seed: expected a whole number from 0 to 2^64 - 1, got 18446744073709551616.'],
    [{ seed: 'x' }, 'seed: expected a whole number from 0 to 2^64 - 1, got "x".'],
    [{ shift: 0 }, 'shift: expected more than 0, up to 100, got 0.'],
    [{ maxTextTokens: 1 }, 'maxTextTokens: expected 2 to 4096, got 1.'],
    [{ chunk: 0 }, 'chunk: expected more than 0, got 0.'],
    [{ tensors: 'yes' }, 'tensors: expected true or false, got "yes".'],
    [{ image: '' }, 'image: expected text that is not empty, got "".'],
    [{ strength: 0 }, 'strength: expected more than 0, up to 1, got 0.'],
    [{ controlScale: 'x' }, 'controlScale: expected a number, or a list of numbers, got "x".'],
    [{ keyframes: [{ frame: 1.5, path: 'a.png' }] }, 'keyframes.0.frame: expected a whole number, got 1.5.'],
    [
      { keyframes: [{ frame: 1, path: 'a', x: 1 }] },
      'keyframes.0.x: expected a known field, got an unknown one.',
    ],
    [{ image: { a: 1n } }, 'image: expected text, got {"a":"1"}.'],
    [{ prompts: 'a', size: '64x64' }, 'prompts, size: expected a known field, got an unknown one.'],
  ])('%o is refused', (wrong, message) => {
    const request =
      'prompt' in wrong || Object.keys(wrong).length === 0 ? wrong : { prompt: 'a cat', ...wrong }
    expectRefused(request, 'request/invalid', message)
  })

  test('names the samplers there are', () => {
    expectRefused(
      { prompt: '', sampler: 'ddim' },
      'request/invalid',
      /^sampler: expected one of (\S+, )*unipc(, \S+)*, got "ddim"\.$/,
    )
  })

  test('is shown in part when it is long', () => {
    expectRefused({ prompt: '', tensors: 'x'.repeat(500) }, 'request/invalid', /got "x{79}…\.$/)
  })

  test.each([null, 'a cat', 3])('that is %j is no request', request => {
    expectRefused(request, 'request/invalid', `request: expected an object, got ${JSON.stringify(request)}.`)
  })

  test.each([
    [{ guidance: 101 }, 'guidance: expected 0 to 100, got 101.'],
    [{ guidance: [3, -1] }, 'guidance.1: expected 0 to 100, got -1.'],
    [{ guidance: [] }, 'guidance: expected at least 1 entries, got [].'],
    [{ guidance: 'high' }, 'guidance: expected a number, got "high".'],
  ])('with %j is refused', (fields, message) => {
    expectRefused({ prompt: '', ...fields }, 'request/invalid', message)
  })

  test('cannot have guidance for more experts than the model has', () => {
    expectRefused(
      { prompt: '', guidance: [4, 3] },
      'request/unsupported',
      'guidance: expected one number for this checkpoint, got 2.',
    )
  })

  test('cannot have guidance for a second expert that the model does not have', () => {
    expectRefused(
      { prompt: '', guidance2: 3 },
      'request/unsupported',
      'guidance2: expected a checkpoint with two experts, got one with a single transformer. Use guidance alone.',
    )
  })

  test.each([
    [{ strength: 0.5 }, 'strength: expected video or latents beside it, got none.'],
    [
      { controlScale: 2 },
      'controlScale: expected a control video, a mask or references beside it, got none.',
    ],
    [
      { controlScale: 2, video: 'a.mp4', strength: 0.5 },
      'controlScale: expected a control video, a mask or references beside it, got none.',
    ],
  ])('cannot have a field without the one that it goes with: %o', (fields, message) => {
    expectRefused({ prompt: '', ...fields }, 'request/invalid', message)
  })

  test.each([
    ['imageNoiseScale', 0.1],
    ['decodeTimestep', 0.05],
    ['decodeNoiseScale', 0.02],
    ['decodeSeed', 3],
    ['upsampler', 'folder'],
  ] as const)('cannot have %s for a model that has no use for it', (name, value) => {
    const request = { prompt: '', [name]: value }
    expectRefused(
      request,
      'request/unsupported',
      `${name}: expected a checkpoint that takes it, got one that does not. Leave it out.`,
    )
    const made = planRequest(
      request,
      { ...facts, takes: [name] },
      { fields: requestFields, randomSeed: () => 7n },
    )
    expect(made[name]).toBe(name === 'decodeSeed' ? BigInt(value) : value)
  })

  test('cannot have more seconds than the model makes', () => {
    expectRefused(
      { prompt: '', seconds: 1e6 },
      'request/size',
      /^seconds: expected at most \d+ frames for this model, got 1000000 at 16 fps\. Use [\d.]+ or less\.$/,
    )
  })
})

function expectRefused(request: unknown, code: string, message: string | RegExp): void {
  let error: unknown
  try {
    plan(request as object)
  } catch (reason) {
    error = reason
  }
  expect(error).toBeInstanceOf(RequestError)
  expect(error).toMatchObject({
    code,
    message: typeof message === 'string' ? message : expect.stringMatching(message),
  })
}
