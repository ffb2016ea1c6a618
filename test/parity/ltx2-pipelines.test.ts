/** LTX-2 and LTX-2.3 against diffusers, from prompt, inputs and seed alone. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import type { GenerateEvent, GenerateRequest, Tensor } from '../../src/index.ts'
import { openTokenizer } from '../../src/text/tokenizer.ts'
import { relativeError } from '../compare.ts'
import { fixture } from '../fixtures.ts'
import { readFixtureTensors } from '../safetensors-fixture.ts'
import { scratchFolder } from '../scratch.ts'
import { engineOfCase } from './engine-of-case.ts'
import { type RecordedCall, requestOfCall } from './recorded-call.ts'
import { casesOf, expectLevels, framesFirst, joined, pictureFolder, tokensFirst } from './references.ts'

interface Case {
  readonly pipeline: string
  readonly model: string
  readonly seed: number
  readonly call: RecordedCall & { readonly num_frames: number; readonly max_sequence_length: number }
  readonly from_stage?: object
  readonly output_type?: string
  readonly inputs: {
    image?: string
    conditions?: { index: number; strength: number; image?: string; video?: string[] }[]
  }
}

/** Cases that are one call; those of two stages are a test of their own. */
const folders = ['ltx2-t2v', 'ltx2-i2v', 'ltx2-condition', 'ltx2.3-t2v'].map(folder => {
  const cases = casesOf<Case>(folder, 'ltx2-t2v/model')
  return { folder, cases: cases.filter(({ about }) => about.from_stage === undefined) }
})

const scratch = scratchFolder()
const engineOf = engineOfCase()

describe.each(folders)('$folder', ({ folder, cases }) => {
  if (cases.length === 0) test.skip('the references are not here')
  test.each(cases)('$name: every stage is what diffusers gives', async ({ name, about }) => {
    const reference = readFixtureTensors(`${fixture(folder)}/${name}.safetensors`)
    const model = path.resolve(fixture(folder), about.model)
    const engine = await engineOf({ model })
    const { frames, decoded, steps, sound } = await run(engine.generate(requestOf(about, folder)), reference)
    expect(steps).toBe(about.call.num_inference_steps)
    const waveform = reference.get('waveform')
    if (waveform) {
      expect(sound!.samples.length).toBe(waveform.data.length)
      expect(relativeError(sound!.samples, waveform.data as Float32Array)).toBeLessThan(1e-3)
    }
    const video = reference.get('decoded_video')
    if (video) expect(relativeError(decoded, framesFirst(video))).toBeLessThan(5e-4)
    const levels = reference.get('frames_uint8')?.data as Uint8Array | undefined
    if (levels) expectLevels(frames, levels)
  })
})

describe.each(folders)('the tokenizer of $folder', ({ folder, cases }) => {
  if (cases.length === 0) test.skip('the references are not here')
  test.each(cases)(
    '$name: ids and masks are those of transformers, padded on the left',
    async ({ name, about }) => {
      const reference = readFixtureTensors(`${fixture(folder)}/${name}.safetensors`)
      const source = path.resolve(fixture(folder), about.model, 'tokenizer')
      const tokenizer = await openTokenizer(source, { paddingSide: 'left' })
      const { prompt, negative_prompt, max_sequence_length: length } = about.call
      const prompts = {
        '': prompt,
        ...(reference.has('negative_input_ids') && { negative_: negative_prompt ?? '' }),
      }
      for (const [prefix, text] of Object.entries(prompts)) {
        const { ids, tokens } = tokenizer.encode(text.trim(), { length })
        const padding = new Array<bigint>(length - tokens).fill(0n)
        expect([...padding, ...ids.subarray(0, tokens)]).toEqual([
          ...(reference.get(`${prefix}input_ids`)!.data as BigInt64Array),
        ])
        const mask = [...padding, ...new Array<bigint>(tokens).fill(1n)]
        expect(mask).toEqual([...(reference.get(`${prefix}attention_mask`)!.data as BigInt64Array)])
      }
    },
  )
})

describe.runIf(folders.some(({ cases }) => cases.length > 0))('two stages', () => {
  const read = (name: string) => {
    const about = JSON.parse(readFileSync(fixture(`ltx2-t2v/${name}.json`), 'utf8')) as Case
    return { about, reference: readFixtureTensors(`${fixture('ltx2-t2v')}/${name}.safetensors`) }
  }

  test('the second goes on from the enlarged latents of the first, as diffusers does in three calls', async () => {
    const [first, second] = [read('case-5'), read('case-7')]
    const model = fixture('ltx2-t2v/model')
    const engine = await engineOf({ model })
    const request = {
      ...requestOf(first.about, 'ltx2-t2v'),
      upsampler: `${model}/latent_upsampler`,
      stage2Sigmas: second.about.call.sigmas!,
      stage2Seed: second.about.seed,
    }
    const numbers: string[] = []
    let size = ''
    for await (const event of engine.generate(request)) {
      if (event.type === 'frames-decoded') size = `${event.width}x${event.height}`
      if (event.type === 'video-end') {
        const final = second.reference.get('final_latents')!.data as Float32Array
        expect(relativeError(tokensFirst(event.latents), final)).toBeLessThan(1e-4)
      }
      if (event.type !== 'step-end') continue
      numbers.push(`${event.step}/${event.of}`)
      const index = event.step - 1
      const [{ reference }, own] = index < 3 ? [first, index] : [second, index - 3]
      checkStep(event, own, reference)
    }
    expect(numbers).toEqual(['1/6', '2/6', '3/6', '4/6', '5/6', '6/6'])
    expect(size).toBe('128x128')
  })

  test('noise of the second goes on from the first where no seed is given', async () => {
    const { about } = read('case-5')
    const model = fixture('ltx2-t2v/model')
    const engine = await engineOf({ model })
    const two = { upsampler: model, stage2Sigmas: [0.909375, 0.421875] }
    const made = async (seeds: object) => {
      const request = { ...requestOf(about, 'ltx2-t2v'), steps: 2, ...two, ...seeds }
      for await (const event of engine.generate(request)) {
        if (event.type === 'video-end') return [...(event.latents.data as Float32Array)]
      }
      return []
    }
    const [plain, same] = [await made({}), await made({ stage2Seed: about.seed })]
    expect(await made({})).toEqual(plain)
    expect(same).not.toEqual(plain)
  })
})

async function run(events: AsyncIterable<GenerateEvent>, reference: ReadonlyMap<string, Tensor>) {
  const frames: Uint8Array[] = []
  const decoded: Float32Array[] = []
  let steps = 0
  let sound: Extract<GenerateEvent, { type: 'audio-ready' }> | undefined
  for await (const event of events) {
    if (event.type === 'step-end') checkStep(event, steps++, reference)
    if (event.type === 'audio-ready') sound = event
    if (event.type !== 'frames-decoded') continue
    frames.push(event.frames)
    decoded.push(event.tensors!.decoded.data as Float32Array)
  }
  return { frames: Buffer.concat(frames), decoded: joined(decoded), steps, sound }
}

function requestOf({ call, seed, inputs }: Case, folder: string): GenerateRequest {
  const file = (name: string) => `${fixture(folder)}/${name}`
  const latents = (call.num_frames - 1) / 8 + 1
  const keyframes = inputs.conditions?.map(({ index, strength, image, video }) => {
    const latent = index < 0 ? index + latents : index
    return {
      frame: latent === 0 ? 0 : 8 * (latent - 1) + 1,
      strength,
      path: image ? file(image) : pictureFolder(video!.map(file), scratch),
    }
  })
  return {
    negativePrompt: '',
    fps: 24,
    ...requestOfCall(call),
    imageCrf: 0,
    ...(call.sigmas && { steps: undefined }),
    ...(inputs.image && { image: file(inputs.image) }),
    ...(keyframes && { keyframes }),
    seed,
  }
}

function checkStep(
  event: Extract<GenerateEvent, { type: 'step-end' }>,
  index: number,
  reference: ReadonlyMap<string, Tensor>,
): void {
  const of = (name: string) => {
    return reference.get(`step_${String(index).padStart(3, '0')}.${name}`)?.data as Float32Array | undefined
  }
  const { others, ...video } = event.tensors!
  const passes = { conditional: 'cond', unconditional: 'uncond', stg: 'stg', modality: 'modality' } as const
  for (const [pass, name] of Object.entries(passes)) {
    const ours = video[pass as 'conditional']
    const expected = of(`noise_pred_${name}`)
    // A perturbed pass that perturbs nothing is not run.
    if (pass !== 'stg') expect([pass, ours === undefined]).toEqual([pass, expected === undefined])
    if (!ours) continue
    expect([pass, below(relativeError(tokensFirst(ours), expected!), 1e-4)]).toEqual([pass, true])
    const sound = rowsFirst(others!.audio![pass as 'conditional'])
    expect([pass, below(relativeError(sound, of(`audio_noise_pred_${name}`)!), 1e-4)]).toEqual([pass, true])
  }
  expect(relativeError(tokensFirst(video.latents), of('latents')!)).toBeLessThan(1e-4)
  expect(relativeError(rowsFirst(others!.audio!.latents), of('audio_latents')!)).toBeLessThan(1e-4)
}

function below(error: number, limit: number): boolean | string {
  return error < limit || String(error)
}

/** [channels, rows, bins] → rows by channels and bins. */
function rowsFirst({ shape, data }: Tensor): number[] {
  const [channels, rows, bins] = shape as [number, number, number]
  return Array.from({ length: data.length }, (_, index) => {
    const [row, channel, bin] = [
      Math.floor(index / (channels * bins)),
      Math.floor(index / bins) % channels,
      index % bins,
    ]
    return Number(data[(channel * rows + row) * bins + bin])
  })
}
