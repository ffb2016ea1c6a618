import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { wanTransformerConfig } from '../models/wan/config.ts'
import { wanContext } from '../models/wan/context.ts'
import { wanTransformer } from '../models/wan/transformer.ts'
import { wantedTensors } from '../src/graph/wanted-tensors.ts'
import { elementCount } from '../src/tensor/dtype.ts'
import { createGenerator, type NoiseGenerator } from '../src/tensor/random.ts'
import { type Tensor, tensor } from '../src/tensor/tensor.ts'
import { writeSafetensors } from '../src/weights/write-safetensors.ts'

/** A Wan 2.1 transformer, small enough for any CPU and large enough that its matrices are what takes the time. */
export const transformerConfig = {
  _class_name: 'WanTransformer3DModel',
  patch_size: [1, 2, 2],
  num_attention_heads: 4,
  attention_head_dim: 64,
  in_channels: 16,
  out_channels: 16,
  text_dim: 512,
  freq_dim: 256,
  ffn_dim: 1024,
  num_layers: 8,
  cross_attn_norm: true,
  qk_norm: 'rms_norm_across_heads',
  eps: 1e-6,
  rope_max_seq_len: 1024,
} as const

/** Tokens that a prompt is padded to. */
export const textTokens = 512

/** A size that is measured: [frames, height, width] of the latents, and the tokens they make. */
export interface Size {
  readonly tokens: number
  readonly latent: readonly [number, number, number]
}

/** Tokens of the prompts that are measured: a usual one, and one that leaves no padding. */
export const promptLengths = [64, textTokens] as const

export const sizes: readonly Size[] = [
  { tokens: 448, latent: [7, 16, 16] },
  { tokens: 1792, latent: [7, 32, 32] },
  { tokens: 4032, latent: [7, 48, 48] },
]

/**
 * Writes a model folder in the diffusers layout: a transformer with random weights, the same every time, and the
 * configs beside it that a Wan checkpoint has. Text encoder and VAE have no weights: they are not measured.
 */
export async function writeSyntheticWan(folder: string): Promise<void> {
  const index = {
    _class_name: 'WanPipeline',
    transformer: ['diffusers', transformerConfig._class_name],
    vae: ['diffusers', 'AutoencoderKLWan'],
    text_encoder: ['transformers', 'UMT5EncoderModel'],
    scheduler: ['diffusers', 'FlowMatchEulerDiscreteScheduler'],
  }
  writeJson(path.join(folder, 'model_index.json'), index)
  writeJson(path.join(folder, 'transformer', 'config.json'), transformerConfig)
  writeJson(path.join(folder, 'vae', 'config.json'), { _class_name: index.vae[1] })
  writeJson(path.join(folder, 'text_encoder', 'config.json'), { model_type: 'umt5', d_model: 512 })
  const scheduler = { _class_name: index.scheduler[1], shift: 3 }
  writeJson(path.join(folder, 'scheduler', 'scheduler_config.json'), scheduler)
  const weights = { transformer: randomWeights(createGenerator(1n)), vae: new Map(), text_encoder: new Map() }
  for (const [component, tensors] of Object.entries(weights)) {
    await writeSafetensors(path.join(folder, component, 'diffusion_pytorch_model.safetensors'), tensors)
  }
}

/**
 * What the network is run on, the same every time: latents, the timestep, and the embeddings of a prompt with rows of
 * zeros after it, as diffusers pads them.
 */
export function inputsOf({ tokens, latent }: Size, promptTokens: number): Map<string, Tensor> {
  const noise = createGenerator(BigInt(tokens))
  const normal = (shape: number[]) => tensor('f32', shape, noise.randn(elementCount(shape)))
  const latents = normal([1, transformerConfig.in_channels, ...latent])
  const text = normal([1, textTokens, transformerConfig.text_dim])
  text.data.fill(0, promptTokens * transformerConfig.text_dim)
  return new Map<string, Tensor>([
    ['latents', latents],
    ['timestep', tensor('f32', [1], Float32Array.of(750))],
    ['text', text],
  ])
}

/** The tensors that the graphs ask for, each with numbers of the size that keeps activations near 1. */
function randomWeights(noise: NoiseGenerator): Map<string, Tensor> {
  const weights = new Map<string, Tensor>()
  const config = wanTransformerConfig.parse(transformerConfig)
  const wanted = wantedTensors(source => {
    wanContext(config, source, 'f32')
    wanTransformer(config, source, 'f32')
  })
  for (const [key, shape] of wanted) {
    const fanIn = elementCount(shape.slice(1))
    const isScale = /norm\w*\.weight$/.test(key)
    const spread = isScale || shape.length === 1 ? 0.02 : 1 / Math.sqrt(fanIn)
    const data = noise.randn(elementCount(shape)).map(value => spread * value + (isScale ? 1 : 0))
    weights.set(key, tensor('f32', shape, data))
  }
  return weights
}

function writeJson(file: string, content: object): void {
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`)
}
