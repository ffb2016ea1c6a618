import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { familyFields } from '../../../models/fields.ts'
import { families } from '../../../models/index.ts'
import { requestFields } from '../../../src/api/request-fields.ts'
import type { ArgumentType } from '../../../src/pipeline/fields/argument-types.ts'
import { fieldsFor } from '../../../src/pipeline/fields/fields-for.ts'
import {
  fieldEntries as entriesOf,
  type GenerateRequest,
  requestFieldsOf,
} from '../../../src/pipeline/fields/request-fields.ts'
import { requestFromJson, storedFields, withPaths } from '../../../src/pipeline/fields/stored-fields.ts'
import type { RequestFacts } from '../../../src/pipeline/model-facts.ts'
import { planRequest } from '../../../src/pipeline/request.ts'

const facts: RequestFacts = {
  geometry: { spatialStride: 8, temporalStride: 4, patch: [1, 2, 2] },
  defaults: { width: 832, height: 480, frames: 81, fps: 16, steps: 50, guidance: 5, negativePrompt: 'bad' },
  textTokens: 512,
  experts: [{}, {}],
  modes: ['text', 'image', 'last-image', 'keyframes', 'video', 'control', 'references'],
  requires: [],
  takes: ['upsampler', ...familyFields.flatMap(fields => Object.keys(fields))],
}

const fieldEntries = entriesOf(requestFields)

const planOf = (request: GenerateRequest, of: RequestFacts) =>
  planRequest(request, of, { fields: requestFields, randomSeed: () => 7n })
const plan = (request: GenerateRequest) => planOf(request, facts)

/** Requests that together give every field but those that stand for others or leave no trace in the video. */
const requests: readonly GenerateRequest[] = [
  { prompt: '' },
  {
    prompt: 'a',
    negativePrompt: 'b',
    maxTextTokens: 64,
    steps: 3,
    boundary: 0.9,
    seed: 2n ** 64n - 1n,
    sampler: 'euler',
    shift: 2,
    stepCache: 0.1,
    guidance: [2, 3],
    guidanceMethod: 'apg',
    guidanceInterval: [0.1, 0.9],
    guidanceRescale: 0.5,
    apgEta: 0.2,
    apgNormThreshold: 20,
    apgMomentum: 0.1,
    width: 64,
    height: 32,
    frames: 5,
    fps: 8,
    image: 'a.png',
    lastImage: 'b.png',
    keyframes: [{ frame: 1, path: 'c.png', strength: 0.5 }],
    fit: 'crop',
    imageNoiseScale: 0.3,
    decodeTimestep: 0.1,
    decodeNoiseScale: 0.2,
    decodeSeed: 2n ** 63n,
  },
  { prompt: '', guidanceMethod: 'cfg-zero-star', zeroInitSteps: 2, video: 'v.mp4', mask: 'm.mp4' },
  { prompt: '', references: ['r.png', 's.png'], controlScale: [1, 0.5] },
  { prompt: '', video: 'v.mp4', strength: 0.5 },
  { prompt: '', upsampler: 'upsampler' },
  { prompt: '', latents: 'l.safetensors', strength: 0.5 },
  { prompt: '', timesteps: [1000, 757, 522], sampler: 'euler' },
  { prompt: '', sigmas: [1, 0.9, 0.6] },
  { prompt: '', audio: false },
  { prompt: '', audio: 's.wav' },
  { prompt: '', extend: 'e.mp4', window: 33, overlap: 5, frames: 40 },
  {
    prompt: '',
    audioGuidance: 4,
    audioGuidanceRescale: 0.2,
    stgScale: 0.5,
    audioStgScale: 2,
    stgBlocks: [1, 2],
    modalityGuidance: 1.5,
    audioModalityGuidance: 2.5,
    useCrossTimestep: false,
    imageCrf: 0,
    shiftTokens: 4096,
    upsampler: 'upsampler',
    stage2Sigmas: [0.9, 0.4],
    stage2Seed: 2n ** 62n,
  },
]

test('the fields of the families are those that help reads', () => {
  const own = families.map(({ fields }) => fields).filter(fields => Object.keys(fields).length > 0)
  expect(familyFields).toEqual(own)
  expect(families.flatMap(({ fields }) => Object.keys(fields))).toEqual([
    'controlScale',
    'imageNoiseScale',
    'decodeSeed',
    'decodeTimestep',
    'decodeNoiseScale',
    'audioGuidance',
    'audioGuidanceRescale',
    'stgScale',
    'audioStgScale',
    'stgBlocks',
    'modalityGuidance',
    'audioModalityGuidance',
    'useCrossTimestep',
    'imageCrf',
    'shiftTokens',
    'stage2Sigmas',
    'stage2Seed',
  ])
})

test('no family adds a field that there is', () => {
  const names = [{}, ...familyFields].flatMap(fields => Object.keys(fields))
  expect(fieldEntries).toHaveLength(entriesOf(requestFieldsOf([])).length + names.length)
})

describe('the fields that a model has a use for', () => {
  const textOnly: RequestFacts = { ...facts, experts: [{}], modes: ['text'], takes: [] }
  const others: Readonly<Record<string, Omit<GenerateRequest, 'prompt'>>> = {
    preset: { preset: 'lightning' },
    guidance2: { guidance2: 2 },
    boundary: { boundary: 0.5 },
    image: { image: 'a.png' },
    lastImage: { lastImage: 'a.png' },
    keyframes: { keyframes: [{ frame: 1, path: 'a.png' }] },
    video: { video: 'v.mp4' },
    mask: { mask: 'm.png' },
    references: { references: ['r.png'] },
    extend: { extend: 'v.mp4' },
    window: { extend: 'v.mp4', window: 9 },
    overlap: { extend: 'v.mp4', overlap: 1 },
    controlScale: { references: ['r.png'], controlScale: 0.5 },
  }

  test('are all but those that it refuses', () => {
    const fields = fieldsFor(textOnly, requestFields)
    const left = fieldEntries.flatMap(([name, { optIn }]) => (optIn || fields.includes(name) ? [] : [name]))
    expect(left.toSorted()).toEqual(Object.keys(others).toSorted())
  })

  test.each(Object.entries(others))('have no %s where it is refused', (name, request) => {
    expect(() => planOf({ prompt: 'a', ...request }, textOnly)).toThrow(/expected .*, got /)
    expect(fieldsFor({ ...facts, presets: [{} as never] }, requestFields)).toContain(name)
  })
})

describe('the record of a file', () => {
  test.each([...requests.entries()])('has all that makes the plan of request %i again', (_, request) => {
    const first = plan(request)
    const json = JSON.parse(JSON.stringify(storedFields(first, requestFields))) as ReturnType<
      typeof storedFields
    >
    expect(plan(requestFromJson(json, requestFields))).toEqual(first)
    const unstored = Object.keys(request).filter(name => !(name in json))
    expect(unstored).toEqual([])
  })

  test('has no field that changes nothing', () => {
    expect(storedFields(planOf({ prompt: 'a' }, { ...facts, takes: [] }), requestFields)).toEqual({
      prompt: 'a',
      negativePrompt: 'bad',
      maxTextTokens: 512,
      steps: 50,
      seed: '7',
      guidance: 5,
      guidanceRescale: 0,
      width: 832,
      height: 480,
      frames: 81,
      fps: 16,
    })
  })

  test('is tried above with every field but those that leave no trace', () => {
    const tried = new Set(requests.flatMap(request => Object.keys(request)))
    const untried = fieldEntries.map(([name]) => name).filter(name => !tried.has(name))
    expect(untried).toEqual(['promptSuffix', 'preset', 'guidance2', 'seconds', 'chunk', 'tensors'])
  })
})

describe('a prompt suffix', () => {
  const promptOf = (prompt: string, promptSuffix?: string) => plan({ prompt, promptSuffix }).prompt

  test('is added to the prompt after a comma; without a prompt it is the prompt', () => {
    expect(promptOf('a ball', 'in ink')).toBe('a ball, in ink')
    expect(promptOf('', 'in ink')).toBe('in ink')
    expect(promptOf('a ball')).toBe('a ball')
  })

  test('is kept in the file with the prompt, so that the prompt alone makes the video again', () => {
    const stored = storedFields(plan({ prompt: 'a ball', promptSuffix: 'in ink' }), requestFields)
    expect(stored).toMatchObject({ prompt: 'a ball, in ink' })
    expect(stored).not.toHaveProperty('promptSuffix')
    expect(plan(requestFromJson(stored, requestFields)).prompt).toBe('a ball, in ink')
  })

  test('is a text that is not empty', () => {
    expect(() => promptOf('a ball', '')).toThrow('promptSuffix: expected text that is not empty, got "".')
  })
})

test('the files of a request are told from its other fields', () => {
  const request = Object.assign({}, ...requests) as GenerateRequest
  expect(withPaths(request, requestFields, path => `/x/${path}`)).toEqual({
    ...request,
    image: '/x/a.png',
    lastImage: '/x/b.png',
    keyframes: [{ frame: 1, path: '/x/c.png', strength: 0.5 }],
    video: '/x/v.mp4',
    latents: '/x/l.safetensors',
    mask: '/x/m.mp4',
    references: ['/x/r.png', '/x/s.png'],
    extend: '/x/e.mp4',
    upsampler: '/x/upsampler',
    audio: '/x/s.wav',
  })
})

test('what a flag writes, it reads as the same', () => {
  const all = Object.assign({}, ...requests) as GenerateRequest
  for (const [name, { flag }] of fieldEntries) {
    const value = flag?.fields ? { width: all.width, height: all.height } : all[name]
    if (!flag || value === undefined) continue
    const type = flag.type as ArgumentType<unknown>
    const refuse = (expected: string) => {
      throw new Error(expected)
    }
    const read = type
      .write(value)
      .reduce<unknown>((before, word) => type.read(word, refuse, before), undefined)
    expect(read, name).toEqual(value)
  }
})

/** What an editor shows on hover: the comment before the property, in the declarations that are published. */
describe('the published declaration', () => {
  const shared = readdirSync('dist/src/pipeline/fields').map(name => `dist/src/pipeline/fields/${name}`)
  const own = families.map(({ name }) => `dist/models/${name}/fields.d.ts`).filter(existsSync)
  const declarations = [...shared, ...own]
    .filter(file => file.endsWith('.d.ts'))
    .flatMap(file => readFileSync(file, 'utf8').match(/^export interface \w+Fields \{.*?^\}/gms) ?? [])
    .join('\n')
  const docs = new Map(
    [...declarations.matchAll(/\/\*\*((?:(?!\*\/).)*)\*\/\s*readonly (\w+)\??: [^;]*;/gs)].map(
      ([, doc, name]) => [name!, doc!.replace(/\s*\*\s/g, ' ').trim()],
    ),
  )

  test.each(fieldEntries.map(([name]) => name))('says what %s does', name => {
    expect(docs.get(name)).toMatch(/\w+ \w+ .*\w/)
  })

  test.each(fieldEntries)('says the range and the default of %s', (name, { schema, default: fallback }) => {
    const doc = docs.get(name)!
    const { minimum, exclusiveMinimum, maximum, exclusiveMaximum, type } = z.toJSONSchema(schema(z), {
      io: 'input',
      unrepresentable: 'any',
    }) as Record<string, number | string | undefined>
    const bounds = [minimum, exclusiveMinimum, maximum, exclusiveMaximum]
      .filter(bound => typeof bound === 'number' && Math.abs(bound) < Number.MAX_SAFE_INTEGER)
      .map(bound => String(bound).replace('-', '−'))
    // A count in a unit that only has to be there says so by its unit.
    const missing = bounds.filter(bound => bound !== '0' && !doc.includes(bound))
    expect(missing, doc).toEqual([])
    if (fallback !== undefined || type === 'number') expect(doc).toMatch(/@default|instead of|Without it/)
  })
})

describe('guidance', () => {
  test('is a list by expert, for which guidance2 is short', () => {
    expect(plan({ prompt: '', guidance: 4 }).guidance).toEqual([4])
    expect(plan({ prompt: '', guidance: [4, 3] }).guidance).toEqual([4, 3])
    expect(plan({ prompt: '', guidance: 4, guidance2: 3 }).guidance).toEqual([4, 3])
    expect(plan({ prompt: '', guidance2: 3 }).guidance).toEqual([5, 3])
    expect(plan({ prompt: '', guidance: 4, guidance2: 4 }).guidance).toEqual([4])
  })

  test('as a list leaves nothing to guidance2', () => {
    expect(() => plan({ prompt: '', guidance: [4, 3], guidance2: 2 })).toThrow(
      'guidance2: expected guidance of one number beside it, got a list of 2. Put its number into the list.',
    )
  })
})
