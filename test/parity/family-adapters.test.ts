/** Adapters by family: a branch beside a layer is the same as a weight with their product added. */
import { cpSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { hunyuan15 } from '../../models/hunyuan15/family.ts'
import { hunyuanOriginalNames } from '../../models/hunyuan15/original-names.ts'
import { ltx2 } from '../../models/ltx2/family.ts'
import { ltx2OriginalNames } from '../../models/ltx2/original-names.ts'
import type { AdapterOptions } from '../../src/engine/adapters.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { writeSafetensors } from '../../src/weights/write-safetensors.ts'
import { relativeError } from '../compare.ts'
import { hunyuan15Configs } from '../contract/hunyuan15-configs.ts'
import { ltx2Configs } from '../contract/ltx2-configs.ts'
import { fixture } from '../fixtures.ts'
import { readFixtureTensors } from '../safetensors-fixture.ts'
import { scratchFolder } from '../scratch.ts'
import { writeSyntheticCheckpoint } from '../synthetic-checkpoint.ts'
import { collect, openTinyEngine } from '../unit/engine/tiny-engine.ts'

const scratch = scratchFolder()
const weightsFile = 'transformer/diffusion_pytorch_model.safetensors'
const rank = 2

/** A layer of every kind that adapters change, as diffusers calls it. */
const cases = [
  {
    family: ltx2,
    configs: { tokenizer: fixture('wan21-t2v/model/tokenizer'), ...ltx2Configs },
    names: ltx2OriginalNames,
    request: { prompt: 'a cat', width: 64, height: 32, frames: 9, stgBlocks: [1], maxTextTokens: 8 },
    layers: [
      'transformer_blocks.0.attn1.to_q',
      'transformer_blocks.0.attn2.to_gate_logits',
      'transformer_blocks.0.audio_to_video_attn.to_v',
      'transformer_blocks.1.video_to_audio_attn.to_out.0',
      'transformer_blocks.1.audio_ff.net.0.proj',
      'time_embed.linear',
      'audio_prompt_adaln.linear',
      'av_cross_attn_video_scale_shift.linear',
      'av_cross_attn_audio_v2a_gate.linear',
      'audio_proj_in',
    ],
  },
  {
    family: hunyuan15,
    configs: { tokenizer: fixture('seeded/qwen-tokenizer'), ...hunyuan15Configs },
    names: hunyuanOriginalNames,
    request: { prompt: 'a sign "cat"', width: 32, height: 32, frames: 9 },
    layers: [
      'transformer_blocks.0.attn.to_q',
      'transformer_blocks.0.attn.add_k_proj',
      'transformer_blocks.0.attn.to_out.0',
      'transformer_blocks.0.attn.to_add_out',
      'transformer_blocks.0.ff.net.0.proj',
      'transformer_blocks.1.ff_context.net.2',
      'transformer_blocks.1.norm1.linear',
      'transformer_blocks.1.norm1_context.linear',
      'context_embedder.token_refiner.refiner_blocks.0.ff.net.2',
      'context_embedder.token_refiner.refiner_blocks.0.attn.to_out.0',
      'context_embedder.proj_in',
      'context_embedder_2.linear_3',
      'time_embed.timestep_embedder.linear_1',
      'proj_out',
    ],
  },
]

/** Numbers that are alike in nothing but size. */
function wave(shape: readonly [number, number], seed: number): Tensor {
  const data = Float32Array.from({ length: shape[0] * shape[1] }, (_, at) => 0.4 * Math.sin(1.7 * at + seed))
  return tensor('f32', shape, data)
}

type Matrices = ReadonlyMap<string, { readonly down: Tensor; readonly up: Tensor }>

/** A checkpoint, the same with products added to its layers, and the matrices of the products. */
async function plainAndMerged({ family, configs, layers }: (typeof cases)[number]) {
  const [plain, merged] = ['plain', 'merged'].map(kind => path.join(scratch, `${family.name}-${kind}`)) as [
    string,
    string,
  ]
  await writeSyntheticCheckpoint(plain, { family, ...configs })
  cpSync(plain, merged, { recursive: true })
  const matrices = new Map<string, { readonly down: Tensor; readonly up: Tensor }>()
  const tensors = new Map(readFixtureTensors(path.join(plain, weightsFile)))
  for (const [index, layer] of layers.entries()) {
    const { shape, data } = tensors.get(`${layer}.weight`)!
    const [out, width] = shape as [number, number]
    const { down, up } = { down: wave([rank, width], index), up: wave([out, rank], index + 0.5) }
    matrices.set(layer, { down, up })
    const sum = Float32Array.from(data as Float32Array, (value, at) => {
      const [row, column] = [Math.floor(at / width), at % width]
      let added = 0
      for (let r = 0; r < rank; r++) {
        added += Number(up.data[row * rank + r]) * Number(down.data[r * width + column])
      }
      return value + added
    })
    tensors.set(`${layer}.weight`, tensor('f32', shape, sum))
  }
  await writeSafetensors(path.join(merged, weightsFile), tensors)
  return { plain, merged, matrices }
}

async function adapter(
  name: string,
  matrices: Matrices,
  nameOf: (layer: string) => string,
): Promise<AdapterOptions> {
  const file = path.join(scratch, `${name}.safetensors`)
  const entries = [...matrices].flatMap(([layer, { down, up }]): [string, Tensor][] => [
    [`${nameOf(layer)}.lora_A.weight`, down],
    [`${nameOf(layer)}.lora_B.weight`, up],
  ])
  await writeSafetensors(file, new Map(entries))
  return { path: file }
}

describe.each(cases)('an adapter of $family.name', each => {
  const { family, names, request } = each

  async function latentsOf(model: string, adapters: readonly AdapterOptions[] = []): Promise<Float32Array> {
    await using tiny = await openTinyEngine({ model, adapters })
    const events = await collect(tiny.engine.generate({ ...request, steps: 2, seed: 3 }))
    return events.find(event => event.type === 'video-end')!.latents.data as Float32Array
  }

  test('is as a merged weight under the names of diffusers, of PEFT, and of its makers', async () => {
    const { plain, merged, matrices } = await plainAndMerged(each)
    const expected = await latentsOf(merged)
    expect(relativeError(await latentsOf(plain), expected)).toBeGreaterThan(0.01)
    const original = (layer: string) => {
      const key = names.reduce((name, [pattern, to]) => name.replace(pattern, to), `${layer}.weight`)
      return `diffusion_model.${key.replace(/\.weight$/, '')}`
    }
    for (const file of [
      await adapter(`${family.name}-diffusers`, matrices, layer => `transformer.${layer}`),
      await adapter(`${family.name}-peft`, matrices, layer => `base_model.model.${layer}`),
      await adapter(`${family.name}-makers`, matrices, original),
    ]) {
      expect(relativeError(await latentsOf(plain, [file]), expected), file.path).toBeLessThan(1e-4)
    }
  })
})
