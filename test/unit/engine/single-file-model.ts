import { copyFileSync, cpSync, mkdirSync, mkdtempSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { wan } from '../../../models/wan/family.ts'
import { wanOriginalNames } from '../../../models/wan/original-names.ts'
import type { Tensor } from '../../../src/tensor/tensor.ts'
import { writeSafetensors } from '../../../src/weights/write-safetensors.ts'
import { fixture } from '../../fixtures.ts'
import { readFixtureTensors } from '../../safetensors-fixture.ts'
import { writeSyntheticCheckpoint } from '../../synthetic-checkpoint.ts'

/** A small model as a folder, and as the single files that ComfyUI's folders have of it. */
export interface SingleFileModel {
  readonly folder: string
  /** ComfyUI's folder of models. */
  readonly comfy: string
  readonly transformer: string
  readonly encoder: string
  readonly vae: string
}

export async function writeSingleFileModel(scratch: string): Promise<SingleFileModel> {
  const folder = join(scratch, 'folder')
  const comfy = join(scratch, 'ComfyUI/models')
  const transformer = join(comfy, 'diffusion_models/wan/t2v.safetensors')
  const encoder = join(comfy, 'text_encoders/umt5.safetensors')
  const vae = join(comfy, 'vae/wan_vae.safetensors')
  await writeSyntheticCheckpoint(folder, {
    family: wan,
    index: {
      _class_name: 'WanPipeline',
      transformer: ['diffusers', 'WanTransformer3DModel'],
      text_encoder: ['transformers', 'UMT5EncoderModel'],
      vae: ['diffusers', 'AutoencoderKLWan'],
      scheduler: ['diffusers', 'UniPCMultistepScheduler'],
      tokenizer: ['transformers', 'T5TokenizerFast'],
    },
    scheduler: {
      _class_name: 'UniPCMultistepScheduler',
      prediction_type: 'flow_prediction',
      use_flow_sigmas: true,
      flow_shift: 3,
    },
    components: {
      transformer: { num_attention_heads: 1, num_layers: 1, ffn_dim: 64, text_dim: 32, out_channels: 16 },
      text_encoder: { d_model: 32, d_ff: 48, d_kv: 16, num_heads: 2, num_layers: 2, vocab_size: 512 },
      vae: { _class_name: 'AutoencoderKLWan', base_dim: 4 },
    },
    tokenizer: fixture('wan21-t2v/model/tokenizer'),
  })
  const part = (name: string) => readFixtureTensors(join(folder, name, 'diffusion_pytorch_model.safetensors'))
  const original = [...part('transformer')].map(([key, value]) => {
    const name = wanOriginalNames.reduce((each, [pattern, to]) => each.replace(pattern, to), key)
    return [`model.diffusion_model.${name}`, value] as const
  })
  await writeTensors(transformer, new Map(original))
  await writeTensors(encoder, part('text_encoder'))
  await writeTensors(vae, part('vae'))
  cpSync(join(folder, 'tokenizer'), join(comfy, 'text_encoders/tokenizer'), { recursive: true })
  return { folder, comfy, transformer, encoder, vae }
}

export async function writeTensors(file: string, tensors: ReadonlyMap<string, Tensor>): Promise<void> {
  mkdirSync(dirname(file), { recursive: true })
  await writeSafetensors(file, tensors)
}

/** A copy of a file in a folder of its own, where nothing is beside it. */
export function moved(file: string, scratch: string): string {
  const copy = join(mkdtempSync(join(scratch, 'moved-')), 'model.safetensors')
  copyFileSync(file, copy)
  return copy
}
