/** Adapters by family: a branch beside a layer is the same as a weight with their product added. */
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { hunyuan15 } from '../../models/hunyuan15/family.ts'
import { hunyuanOriginalNames, hunyuanToolNames } from '../../models/hunyuan15/original-names.ts'
import { ltx2 } from '../../models/ltx2/family.ts'
import { ltx2ConnectorNames, ltx2OriginalNames } from '../../models/ltx2/original-names.ts'
import type { AdapterOptions } from '../../src/engine/adapters.ts'
import { memoize } from '../../src/memoize.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { writeSafetensors } from '../../src/weights/write-safetensors.ts'
import { relativeError } from '../compare.ts'
import { hunyuan15Configs } from '../contract/hunyuan15-configs.ts'
import { ltx2Configs } from '../contract/ltx2-configs.ts'
import { copyModel } from '../copied-model.ts'
import { fixture } from '../fixtures.ts'
import { keepSessionsOf } from '../kept-backend.ts'
import { readFixtureTensors } from '../safetensors-fixture.ts'
import { failure, scratchFolder } from '../scratch.ts'
import { writeSyntheticCheckpoint } from '../synthetic-checkpoint.ts'
import { collect, finalLatents, openTinyEngine } from '../unit/engine/tiny-engine.ts'

const scratch = keepSessionsOf(scratchFolder())
const rank = 2

/** A layer of every kind that adapters change, as diffusers calls it. */
const cases = [
  {
    name: 'LTX-2',
    component: 'transformer',
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
    name: 'the connectors of LTX-2',
    component: 'connectors',
    family: ltx2,
    configs: { tokenizer: fixture('wan21-t2v/model/tokenizer'), ...ltx2Configs },
    names: ltx2ConnectorNames,
    request: { prompt: 'a cat', width: 64, height: 32, frames: 9, maxTextTokens: 8 },
    layers: [
      'video_text_proj_in',
      'audio_text_proj_in',
      'video_connector.transformer_blocks.0.attn1.to_q',
      'video_connector.transformer_blocks.0.attn1.to_gate_logits',
      'audio_connector.transformer_blocks.0.attn1.to_out.0',
      'audio_connector.transformer_blocks.0.ff.net.2',
    ],
  },
  {
    name: 'HunyuanVideo 1.5',
    component: 'transformer',
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

/** A checkpoint of a family, which its cases share. */
const checkpointOf = memoize(
  async ({ family, configs }: (typeof cases)[number]): Promise<string> => {
    const folder = path.join(scratch, family.name)
    await writeSyntheticCheckpoint(folder, { family, ...configs })
    return folder
  },
  ({ family }) => family.name,
)

/** A checkpoint, the same with products added to its layers, and the matrices of the products. */
async function plainAndMerged(each: (typeof cases)[number]) {
  const { name, component, layers } = each
  const plain = await checkpointOf(each)
  const merged = path.join(scratch, `${name}-merged`)
  const weightsFile = `${component}/diffusion_pytorch_model.safetensors`
  copyModel(plain, merged)
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

async function latentsOf(
  model: string,
  request: (typeof cases)[number]['request'],
  adapters: readonly AdapterOptions[] = [],
): Promise<Float32Array> {
  await using tiny = await openTinyEngine({ model, adapters })
  return await finalLatents(tiny.engine.generate({ ...request, steps: 2, seed: 3, tensors: true }))
}

describe.each(cases)('an adapter of $name', each => {
  const { name, component, names, request } = each

  test('is as a merged weight under the names of diffusers, of PEFT, and of its makers', async () => {
    const { plain, merged, matrices } = await plainAndMerged(each)
    const expected = await latentsOf(merged, request)
    expect(relativeError(await latentsOf(plain, request), expected)).toBeGreaterThan(0.01)
    const original = (layer: string) => {
      const key = names.reduce((name, [pattern, to]) => name.replace(pattern, to), `${layer}.weight`)
      const module = key.replace(/\.weight$/, '')
      return module.startsWith('text_embedding_projection.') ? module : `diffusion_model.${module}`
    }
    for (const file of [
      await adapter(`${name}-diffusers`, matrices, layer => `${component}.${layer}`),
      await adapter(`${name}-peft`, matrices, layer => `base_model.model.${layer}`),
      await adapter(`${name}-makers`, matrices, original),
    ]) {
      expect(relativeError(await latentsOf(plain, request, [file]), expected), file.path).toBeLessThan(1e-4)
    }
  })
})

test('an in-context LoRA of LTX-2 under its published names says that it has no references', async () => {
  const { request } = cases[0]!
  const model = await checkpointOf(cases[0]!)
  const weights = readFixtureTensors(path.join(model, 'transformer/diffusion_pytorch_model.safetensors'))
  // Layers that Lightricks' trainer adapts: all attention of the video, and its feed-forward layers.
  const layers = ['attn1.to_k', 'attn1.to_out.0', 'attn2.to_v', 'ff.net.0.proj', 'ff.net.2']
  const tensors = layers.flatMap((layer, index): [string, Tensor][] => {
    const name = `transformer_blocks.1.${layer}`
    const [out, width] = weights.get(`${name}.weight`)!.shape as [number, number]
    return [
      [`diffusion_model.${name}.lora_A.weight`, wave([rank, width], index)],
      [`diffusion_model.${name}.lora_B.weight`, wave([out, rank], index + 0.5)],
    ]
  })
  const file = path.join(scratch, 'in-context.safetensors')
  await writeSafetensors(file, new Map(tensors), new Map([['reference_downscale_factor', '2']]))
  await using tiny = await openTinyEngine({ model, adapters: [{ path: file }] })
  const events = await collect(tiny.engine.generate({ ...request, steps: 1, seed: 3 }))
  const notices = events.flatMap(event => (event.type === 'notice' ? [event] : []))
  expect(notices).toContainEqual({
    type: 'notice',
    code: 'adapter/references',
    message: `adapter ${file}: trained with reference videos (reference_downscale_factor 2), which no request can give: it is used without them.`,
  })
})

/** Layers of a model that its makers have as one matrix, or with rows in another order. */
const joined = [
  {
    name: 'txt_in.individual_token_refiner.blocks.0.self_attn_qkv',
    apart: ['q', 'k', 'v'].map(each => `context_embedder.token_refiner.refiner_blocks.0.attn.to_${each}`),
  },
  {
    name: 'double_blocks.0.img_attn.qkv',
    apart: ['q', 'k', 'v'].map(each => `transformer_blocks.0.attn.to_${each}`),
  },
  {
    name: 'double_blocks.1.txt_attn_qkv',
    apart: ['q', 'k', 'v'].map(each => `transformer_blocks.1.attn.add_${each}_proj`),
  },
  { name: 'final_layer.adaLN_modulation.1', apart: ['norm_out.linear'] },
]

describe('an adapter of joined layers of HunyuanVideo 1.5', () => {
  const each = cases.find(({ name }) => name === 'HunyuanVideo 1.5')!

  test('is as the adapter of each layer alone, under the names of Tencent, of ComfyUI and of Kohya’s tools', async () => {
    const model = await checkpointOf(each)
    const weights = readFixtureTensors(path.join(model, 'transformer/diffusion_pytorch_model.safetensors'))
    const whole = new Map<string, Tensor>()
    const alone = new Map<string, Tensor>()
    for (const [index, { name, apart }] of joined.entries()) {
      const [out, width] = weights.get(`${apart[0]}.weight`)!.shape as [number, number]
      const down = wave([rank, width], index)
      const up = wave([out * apart.length, rank], index + 0.5)
      const bias = tensor(
        'f32',
        [out * apart.length],
        Float32Array.from({ length: out * apart.length }, (_, at) => Math.sin(at)),
      )
      whole
        .set(`${name}.lora_down.weight`, down)
        .set(`${name}.lora_up.weight`, up)
        .set(`${name}.diff_b`, bias)
      const swapped = apart.length === 1
      apart.forEach((layer, part) => {
        const rows = Array.from({ length: out }, (_, row) =>
          swapped ? (row + out / 2) % out : part * out + row,
        )
        const upRows = rows.flatMap(row => [
          ...(up.data as Float32Array).subarray(row * rank, (row + 1) * rank),
        ])
        alone.set(`${layer}.lora_down.weight`, down)
        alone.set(`${layer}.lora_up.weight`, tensor('f32', [out, rank], Float32Array.from(upRows)))
        const biasRows = rows.map(row => (bias.data as Float32Array)[row]!)
        alone.set(`${layer}.diff_b`, tensor('f32', [out], Float32Array.from(biasRows)))
      })
    }
    // A layer that ComfyUI alone calls so.
    const ours = 'transformer_blocks.1.norm1.linear'
    const theirs = [...each.names, ...hunyuanToolNames].reduce(
      (name, [pattern, to]) => name.replace(pattern, to),
      `${ours}.`,
    )
    expect(theirs).toBe('double_blocks.1.img_mod.lin.')
    const [out, width] = weights.get(`${ours}.weight`)!.shape as [number, number]
    for (const [tensors, name] of [
      [whole, theirs],
      [alone, `${ours}.`],
    ] as const) {
      tensors
        .set(`${name}lora_down.weight`, wave([rank, width], 9))
        .set(`${name}lora_up.weight`, wave([out, rank], 10))
    }
    const written = async (name: string, tensors: ReadonlyMap<string, Tensor>) => {
      const file = path.join(scratch, `joined-${name}.safetensors`)
      await writeSafetensors(file, tensors)
      return await latentsOf(model, each.request, [{ path: file }])
    }
    const flatNames = new Map(
      [...whole].map(([key, value]) => {
        const [, module = '', leaf = ''] = /^(.*?)(\.lora_.*|\.diff_b)$/.exec(key)!
        return [`lora_unet_${module.replaceAll('.', '_')}${leaf}`, value]
      }),
    )
    const expected = await written('alone', alone)
    expect(relativeError(await latentsOf(model, each.request), expected)).toBeGreaterThan(0.01)
    expect(relativeError(await written('whole', whole), expected)).toBeLessThan(1e-5)
    expect(relativeError(await written('flat', flatNames), expected)).toBeLessThan(1e-5)
  })

  test('is refused where its rows are not those of the layers', async () => {
    const model = await checkpointOf(each)
    const file = path.join(scratch, 'joined-misfit.safetensors')
    const name = joined[0]!.name
    await writeSafetensors(
      file,
      new Map([
        [`${name}.lora_A.weight`, wave([rank, 16], 1)],
        [`${name}.lora_B.weight`, wave([7, rank], 2)],
      ]),
    )
    const { message } = await failure(openTinyEngine({ model, adapters: [{ path: file }] }))
    expect(message).toContain(`1 of another: ${name}.weight`)
  })
})
