import { describe, expect, test } from 'vitest'
import { ltx2TransformerConfig } from '../../../models/ltx2/config.ts'
import { ltx2Guidance } from '../../../models/ltx2/guidance.ts'
import { loadLtx2 } from '../../../models/ltx2/model.ts'
import { causalExtents, extentsFrom } from '../../../models/ltx2/rotary.ts'
import { audioFrames } from '../../../models/ltx2/sound-latents.ts'
import { requestFields } from '../../../src/api/request-fields.ts'
import type { RunGraph } from '../../../src/pipeline/family.ts'
import { type GenerateRequest, planRequest } from '../../../src/pipeline/request.ts'
import { createGuidance } from '../../../src/sampling/guidance.ts'
import { ltx2Configs } from '../../contract/ltx2-configs.ts'
import { fixture } from '../../fixtures.ts'
import { failure, rejection } from '../../scratch.ts'

type Components = Record<string, object>

function load(changes: Record<string, object | undefined> = {}, folder = '/model') {
  const { index, scheduler, components } = ltx2Configs
  const changed = Object.entries({ scheduler, ...components }).map(([name, config]) => {
    return [name, { ...config, ...changes[name] }] as const
  })
  const kept = changed.filter(([name]) => !(name in changes) || changes[name] !== undefined)
  const all = Object.fromEntries(kept) as Components
  return loadLtx2({ folder, index, components: all, defaults: {} })
}

describe('components that do not fit each other are refused, naming the field', () => {
  test.each([
    [
      { connectors: undefined },
      /model_index\.json connectors: expected a component, which this pipeline needs/,
    ],
    [
      { connectors: { text_proj_in_factor: 5 } },
      /connectors\/config\.json text_proj_in_factor: expected 4, the layers of the text encoder and 1, got 5/,
    ],
    [
      { transformer: { in_channels: 16, out_channels: 16 } },
      /transformer\/config\.json in_channels: expected 8, the channels of the VAE, got 16/,
    ],
    [
      { transformer: { audio_in_channels: 64, audio_out_channels: 64 } },
      /audio_in_channels: expected 128, the latents of the audio VAE, got 64/,
    ],
    [{ transformer: { out_channels: 4 } }, /out_channels has to be in_channels/],
    [{ transformer: { rope_double_precision: false } }, /expected true: angles are computed in float64/],
    [{ vae: { timestep_conditioning: true } }, /expected a decoder without timesteps and noise of its own/],
    [
      { connectors: { audio_connector_num_learnable_registers: 2 } },
      /both connectors have to have as many registers/,
    ],
  ])('%j', (changes, message) => {
    expect(() => load(changes)).toThrow(message)
  })
})

const planOf = (request: Omit<GenerateRequest, 'prompt'>, facts = load().facts) =>
  planRequest({ prompt: '', ...request }, facts, { fields: requestFields, randomSeed: () => 7n })

describe('a request', () => {
  test.each([
    [{ frames: 120 }, 'frames: expected 8k + 1 for this model, got 120. Use 113 or 121.'],
    [{ width: 500 }, 'width: expected a multiple of 32 for this model, got 500. Use 480 or 512.'],
    [{ stage2Sigmas: [0.9] }, 'stage2Sigmas: expected an upsampler beside it, got none.'],
    [
      { upsampler: 'u', stage2Sigmas: [0.4, 0.9] },
      'sigmas: expected falling numbers above 0 and up to 1, got [0.4, 0.9].',
    ],
    [{ stage2Seed: 1 }, 'stage2Seed: expected stage2Sigmas beside it, got none.'],
    [{ imageCrf: 52 }, /^imageCrf: /],
  ])('%j is refused with what there is', (request, message) => {
    expect(() => planOf(request)).toThrow(message)
  })

  test('of a model whose decoder mirrors edges has two latents a side at least', () => {
    const { facts } = load({ vae: { decoder_spatial_padding_mode: 'reflect' } })
    expect(() => planOf({ height: 32 }, facts)).toThrow(
      'height: expected a multiple of 32 from 64 on for this model, got 32. Use 64.',
    )
  })

  test('that the registers do not fill names the lengths that they do', async () => {
    const registers = {
      video_connector_num_learnable_registers: 16,
      audio_connector_num_learnable_registers: 16,
    }
    const model = load({ connectors: registers })
    const run = () => Promise.reject(new Error('nothing runs'))
    const { code, message } = await failure(
      model.conditionText({ prompts: ['a'], textTokens: 40, keyMultiple: 1 }, run),
    )
    expect(code).toBe('request/invalid')
    expect(message).toBe(
      'maxTextTokens: expected a multiple of 16, the registers that stand for padding, for this model, got 40. Use 32 or 48.',
    )
  })

  test('is read without the white space around its prompt, as Python strips it', async () => {
    const model = load({}, fixture('wan21-t2v/model'))
    const given: object[] = []
    const run: RunGraph = (_, feeds) => {
      given.push(feeds)
      return Promise.reject(new Error('enough'))
    }
    for (const prompt of ['a cat', '\u001f\u3000a cat\u001c\n\u0085', ' \u001d ', '']) {
      await rejection(model.conditionText({ prompts: [prompt], textTokens: 64, keyMultiple: 1 }, run))
    }
    expect(given).toHaveLength(4)
    expect(given[1]).toEqual(given[0])
    expect(given[3]).toEqual(given[2])
    expect(given[2]).not.toEqual(given[0])
  })

  test('has the values of diffusers where it does not say otherwise', () => {
    const { guidance, guidanceRescale, audioGuidance, stgScale, stgBlocks, modalityGuidance, steps } = planOf(
      {},
    )
    expect([guidance, guidanceRescale, audioGuidance, stgScale, stgBlocks, modalityGuidance, steps]).toEqual([
      [3],
      0.7,
      7,
      1,
      [28],
      3,
      30,
    ])
  })
})

describe('the guidance of a stream', () => {
  const config = ltx2TransformerConfig.parse(ltx2Configs.components.transformer)
  const of = (request: Omit<GenerateRequest, 'prompt'>) => {
    const plan = planOf({ stgBlocks: [1], ...request })
    const asked = createGuidance({ scale: plan.guidance[0]!, rescale: plan.guidanceRescale })
    return [0, 1].map(stream => {
      const { scale, rescale, passes } = ltx2Guidance(config, asked, { stream, expert: 0, plan })
      return { scale, rescale, passes }
    })
  }

  test('of the sound is that of the video where it is 0', () => {
    const [video, audio] = of({
      guidance: 4,
      guidanceRescale: 0.2,
      stgScale: 0.5,
      modalityGuidance: 2,
      audioGuidance: 0,
      audioGuidanceRescale: 0,
      audioStgScale: 0,
      audioModalityGuidance: 0,
    })
    expect(audio).toEqual(video)
    expect(video).toEqual({ scale: 4, rescale: 0.2, passes: { stg: 0.5, modality: 1 } })
  })

  test('has a pass that either stream asks for, with weights of their own', () => {
    const [video, audio] = of({
      stgScale: 0,
      audioStgScale: 0.8,
      modalityGuidance: 1,
      audioModalityGuidance: 3,
    })
    expect([video!.passes, audio!.passes]).toEqual([
      { stg: 0, modality: 0 },
      { stg: 0.8, modality: 2 },
    ])
  })

  test('has no pass that changes nothing: without perturbed blocks, or at their neutral values', () => {
    const off = { stgScale: 0, audioStgScale: 0, modalityGuidance: 1, audioModalityGuidance: 1 }
    expect(of(off).map(({ passes }) => passes)).toEqual([{}, {}])
    expect(of({ stgBlocks: [28] })[0]!.passes).not.toHaveProperty('stg')
  })
})

test('pictures cover the frame where any frame can have one, and a first frame alone is stretched', () => {
  const { covers } = load().facts
  const keyframes = [{ frame: 8, path: 'a.png', strength: 1 }]
  expect(covers!({ keyframes: [] })).toBe(false)
  expect(covers!({ keyframes })).toBe(true)
  expect(covers!({ keyframes: [], lastImage: 'a.png' })).toBe(true)
})

test('a field that needs guidance has an effect where the sound or a further pass is guided', () => {
  const noticed = (request: Omit<GenerateRequest, 'prompt'>) => {
    const notices: string[] = []
    const notify = (_: string, text: string) => void notices.push(text)
    const context = { fields: requestFields, randomSeed: () => 7n, notify }
    planRequest({ prompt: '', guidance: 1, negativePrompt: 'rain', ...request }, load().facts, context)
    return notices
  }
  const off = {
    audioGuidance: 1,
    stgScale: 0,
    audioStgScale: 0,
    modalityGuidance: 1,
    audioModalityGuidance: 1,
  }
  expect(noticed({})).toEqual([])
  expect(noticed({ ...off, audioGuidance: 2 })).toEqual([])
  expect(noticed({ ...off, stgScale: 1 })).toEqual([])
  expect(noticed(off)).toEqual(['negativePrompt: no effect without guidance (guidance 1).'])
})

describe('places in time', () => {
  test('the first latent frame is one frame, each later one eight', () => {
    expect(causalExtents({ count: 3, stride: 8, offset: 1 })).toEqual([
      [0, 1],
      [1, 9],
      [9, 17],
    ])
  })

  test('a clip inside the video has no shorter frame; a picture is one', () => {
    expect(extentsFrom(9, 2, 8, 9)).toEqual([
      [9, 17],
      [17, 25],
    ])
    expect(extentsFrom(9, 1, 8, 1)).toEqual([[9, 10]])
  })

  test.each([
    [9, 24, 9],
    [17, 24, 18],
    [9, 30, 8],
    [17, 30, 14],
    [1, 24, 1],
    [9, 50, 4], // 4.5, halves to even
    [3, 50, 2], // 1.5
  ])('%d frames at %d a second have %d latent frames of sound', (frames, fps, expected) => {
    expect(audioFrames({ channels: 8, bins: 16, rate: 25 }, { frames, fps })).toBe(expected)
  })

  test('a clip without any sound is refused with the rate that has some', () => {
    expect(() => audioFrames({ channels: 8, bins: 16, rate: 25 }, { frames: 1, fps: 60 })).toThrow(
      'fps: expected at most 49 for 1 frames: the clip has to have sound, got 60.',
    )
  })
})
