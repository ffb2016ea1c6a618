/** What is said of a transformer's file whose other parts are not on this machine. */
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { families } from '../../../models/index.ts'
import { readCheckpoint } from '../../../src/engine/checkpoint.ts'
import { describeTransformer } from '../../../src/engine/read-single-file.ts'
import { parseHubPath } from '../../../src/hub/hub-path.ts'
import type { FilePart } from '../../../src/pipeline/family.ts'
import { failure, scratchFolder } from '../../scratch.ts'
import { moved, writeSingleFileModel } from './single-file-model.ts'

const scratch = scratchFolder()
const { transformer, vae } = await writeSingleFileModel(scratch)

beforeEach(() => {
  vi.stubEnv('HF_HUB_CACHE', join(scratch, 'no-cache'))
  vi.stubEnv('FRAMEWRIGHT_HOME', join(scratch, 'no-home'))
  vi.stubEnv('FRAMEWRIGHT_MODELS', undefined)
})
afterEach(() => void vi.unstubAllEnvs())

const command = /framewright models pull (\S+)/g
const wan21 = 'Comfy-Org/Wan_2.1_ComfyUI_repackaged/split_files'
const hunyuan = 'Comfy-Org/HunyuanVideo_1.5_repackaged/split_files'

test('each part that is missing is named with the command that fetches one', async () => {
  const { variant, missing } = await describeTransformer(moved(transformer, scratch), families, {})
  expect(variant).toBe('Wan 2.1 T2V')
  expect(missing.map(each => [...each.matchAll(command)].map(([, path]) => path!.replace(/;$/, '')))).toEqual(
    [
      [`${wan21}/text_encoders/umt5_xxl_fp8_e4m3fn_scaled.safetensors`],
      [`${wan21}/vae/wan_2.1_vae.safetensors`],
    ],
  )
})

test('a part of another model is refused with the command for one that fits', async () => {
  const given = readCheckpoint(transformer, families, { files: { textEncoder: vae } })
  expect((await failure(given)).message).toContain(
    `Use the text_encoder of the same model, such as: framewright models pull ${wan21}/text_encoders/umt5_xxl_fp8_e4m3fn_scaled.safetensors`,
  )
})

/** A transformer as far as what it needs beside it depends on it. */
function network(config: Record<string, unknown>): FilePart {
  return { component: 'transformer', listed: ['diffusers', 'a class'], config, tensors: new Map() }
}

const ltx2 = {
  in_channels: 128,
  audio_in_channels: 128,
  cross_attention_dim: 4096,
  audio_cross_attention_dim: 2048,
}
const hunyuan15 = { text_embed_dim: 3584, text_embed_2_dim: 1472, out_channels: 32, image_embed_dim: 1152 }

describe('the published files of', () => {
  test.each<[string, string, FilePart, string[]]>([
    [
      'LTX-2',
      'ltx2',
      network({ ...ltx2, caption_channels: 3840, use_prompt_embeddings: true, cross_attn_mod: false }),
      [
        'Comfy-Org/ltx-2/split_files/text_encoders/gemma_3_12B_it_fp8_scaled.safetensors',
        'Kijai/LTXV2_comfy/text_encoders/ltx-2-19b-embeddings_connector_dev_bf16.safetensors',
        'Kijai/LTXV2_comfy/text_encoders/ltx-2-19b-embeddings_connector_dev_bf16.safetensors',
        'Kijai/LTXV2_comfy/VAE/LTX2_video_vae_bf16.safetensors',
        'Kijai/LTXV2_comfy/VAE/LTX2_audio_vae_bf16.safetensors',
        'Kijai/LTXV2_comfy/VAE/LTX2_audio_vae_bf16.safetensors',
      ],
    ],
    [
      'LTX-2.3',
      'ltx2',
      network({ ...ltx2, use_prompt_embeddings: false, cross_attn_mod: true }),
      [
        'Comfy-Org/ltx-2/split_files/text_encoders/gemma_3_12B_it_fp8_scaled.safetensors',
        'Kijai/LTX2.3_comfy/text_encoders/ltx-2.3_text_projection_bf16.safetensors',
        'Lightricks/LTX-2.3/ltx-2.3-22b-dev.safetensors',
        'Kijai/LTX2.3_comfy/vae/LTX23_video_vae_bf16.safetensors',
        'Kijai/LTX2.3_comfy/vae/LTX23_audio_vae_bf16.safetensors',
        'Kijai/LTX2.3_comfy/vae/LTX23_audio_vae_bf16.safetensors',
      ],
    ],
    [
      'HunyuanVideo 1.5, from a picture',
      'hunyuan15',
      network({ ...hunyuan15, target_size: 640, ideal_task: 'i2v' }),
      [
        `${hunyuan}/text_encoders/qwen_2.5_vl_7b_fp8_scaled.safetensors`,
        `${hunyuan}/text_encoders/byt5_small_glyphxl_fp16.safetensors`,
        `${hunyuan}/vae/hunyuanvideo15_vae_fp16.safetensors`,
        `${hunyuan}/clip_vision/sigclip_vision_patch14_384.safetensors`,
      ],
    ],
  ])('%s are those of its release', (_, name, part, expected) => {
    const { singleFiles } = families.find(family => family.name === name)!
    const { needs, tokenizers } = singleFiles!.model([part], { given: new Set() })
    expect(needs.map(({ repository, file }) => `${repository}/${file}`)).toEqual(expected)
    for (const path of [...expected, ...tokenizers]) expect(parseHubPath(path).id).toMatch(/^[^/]+\/[^/]+$/)
  })
})

describe('HunyuanVideo 1.5 without a config', () => {
  const { singleFiles } = families.find(family => family.name === 'hunyuan15')!
  const of = (config: object, asked: { pipeline?: string; given?: string[] } = {}) => {
    const { given = [], pipeline } = asked
    const part = network({ ...hunyuan15, target_size: 640, ...config })
    const model = singleFiles!.model([part], { pipeline, given: new Set(given) })
    const { scheduler, guider } = model.configs(new Map()) as Record<string, Record<string, unknown>>
    return [model.index(new Map())._class_name, scheduler!.shift, guider!.guidance_scale]
  }

  test('is a model of text, unless a vision encoder or a pipeline is named, or its steps are distilled', () => {
    const [text, picture] = ['HunyuanVideo15Pipeline', 'HunyuanVideo15ImageToVideoPipeline']
    expect(of({})).toEqual([text, 5, 6])
    expect(of({}, { given: ['image_encoder'] })).toEqual([picture, 5, 6])
    expect(of({}, { pipeline: picture! })).toEqual([picture, 5, 6])
    expect(of({ use_meanflow: true })).toEqual([picture, 7, 1])
    expect(of({ target_size: 960 })).toEqual([text, 9, 6])
    expect(of({ target_size: 960, ideal_task: 'i2v' })).toEqual([picture, 7, 6])
  })
})
