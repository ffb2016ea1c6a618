/** The configs of a Wan checkpoint, and how its components have to fit each other. */
import path from 'node:path'
import { z } from 'zod'
import { CheckpointError } from '../../src/errors.ts'
import type { CheckpointConfigs } from '../../src/pipeline/family.ts'
import { checkConfig, readConfig } from '../../src/weights/read-config.ts'
import { type ClipVisionConfig, clipVisionConfig } from '../clip/config.ts'
import { type Umt5Config, umt5Config } from '../umt5/config.ts'
import { type PipelineChanges, pipelineChanges, wanPipelines } from './pipelines.ts'

const positive = z.number().int().positive()

/** The fields of diffusers' `WanTransformer3DModel`; missing ones have that class's defaults. */
const transformerFields = z.object({
  patch_size: z.tuple([positive, positive, positive]).default([1, 2, 2]),
  num_attention_heads: positive.default(40),
  attention_head_dim: positive.default(128),
  in_channels: positive.default(16),
  out_channels: positive.nullish(),
  text_dim: positive.default(4096),
  freq_dim: positive.default(256),
  ffn_dim: positive.default(13824),
  num_layers: positive.default(40),
  cross_attn_norm: z.boolean().default(true),
  qk_norm: z.literal('rms_norm_across_heads').default('rms_norm_across_heads'),
  eps: z.number().positive().default(1e-6),
  image_dim: positive.nullish(),
  added_kv_proj_dim: positive.nullish(),
  rope_max_seq_len: positive.default(1024),
  pos_embed_seq_len: positive.nullish(),
  /** Of `WanVACETransformer3DModel`: the layers that get a hint, and the channels of the control. */
  vace_layers: z.array(z.number().int().nonnegative()).nullish(),
  vace_in_channels: positive.nullish(),
  /** Of `SkyReelsV2Transformer3DModel`: a frame rate that it sees, and blocks of frames that see no later ones. */
  inject_sample_info: z
    .literal(false, 'true: a network that sees the frame rate cannot be run')
    .default(false),
  num_frame_per_block: z.literal(1, 'more than 1: a network of diffusion forcing cannot be run').default(1),
})

/** Where the class of SkyReels V2 has other defaults. */
const skyReelsFields = { num_attention_heads: 16, ffn_dim: 8192, num_layers: 32 }

export const wanTransformerConfig = z.preprocess(config => {
  const { _class_name: name } = (config ?? {}) as { _class_name?: unknown }
  return name === 'SkyReelsV2Transformer3DModel' ? { ...skyReelsFields, ...(config as object) } : config
}, transformerFields)

export type WanTransformerConfig = z.infer<typeof wanTransformerConfig>

/** Width of a token. */
export function modelWidth(config: WanTransformerConfig): number {
  return config.num_attention_heads * config.attention_head_dim
}

/** Channels of the latents, which are also those of the velocity. */
export function outChannels(config: WanTransformerConfig): number {
  return config.out_channels ?? config.in_channels
}

/** Channels that the network sees beside the latents: image-to-video checkpoints' mask and picture. */
export function conditionChannels(config: WanTransformerConfig): number {
  return config.in_channels - outChannels(config)
}

/** Statistics of the Wan 2.1 latents, diffusers' defaults of `AutoencoderKLWan`. */
const mean21 = [
  -0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508, 0.4134, -0.0715, 0.5517, -0.3632,
  -0.1922, -0.9497, 0.2503, -0.2921,
]
const std21 = [
  2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743, 3.2687, 2.1526, 2.8652, 1.5579, 1.6382,
  1.1253, 2.8251, 1.916,
]

/** The fields of diffusers' `AutoencoderKLWan`; missing ones have that class's defaults. */
export const wanVaeConfig = z
  .object({
    base_dim: positive.default(96),
    decoder_base_dim: positive.nullish(),
    z_dim: positive.default(16),
    dim_mult: z.array(positive).min(1).default([1, 2, 4, 4]),
    num_res_blocks: positive.default(2),
    attn_scales: z
      .array(z.number())
      .max(0, 'attention inside the scales is not used by any Wan checkpoint')
      .default([]),
    temperal_downsample: z.array(z.boolean()).default([false, true, true]),
    latents_mean: z.array(z.number()).default(mean21),
    latents_std: z.array(z.number()).default(std21),
    is_residual: z.boolean().default(false),
    in_channels: positive.default(3),
    out_channels: positive.default(3),
    patch_size: positive.nullish(),
    scale_factor_temporal: positive.default(4),
    scale_factor_spatial: positive.default(8),
  })
  .refine(
    config => config.latents_mean.length === config.z_dim && config.latents_std.length === config.z_dim,
    {
      message: 'latents_mean and latents_std need one number per latent channel (z_dim)',
    },
  )
  .refine(({ out_channels, patch_size }) => out_channels === 3 * (patch_size ?? 1) ** 2, {
    path: ['out_channels'],
    message: 'a decoder of other channels than 3, after the pixels of its patches are put beside each other',
  })
  .refine(({ in_channels, patch_size }) => in_channels === 3 * (patch_size ?? 1) ** 2, {
    path: ['in_channels'],
    message: 'an encoder of other channels than 3, after its pixels are put into patches',
  })
  .refine(
    config => config.scale_factor_spatial === (config.patch_size ?? 1) * 2 ** (config.dim_mult.length - 1),
    {
      path: ['scale_factor_spatial'],
      message:
        'another factor than that of the blocks and the patches: pictures would have another size than asked for',
    },
  )
  .refine(config => config.scale_factor_temporal === 2 ** config.temperal_downsample.filter(Boolean).length, {
    path: ['scale_factor_temporal'],
    message: 'another factor than that of the blocks: clips would have another length than asked for',
  })
  .refine(config => config.temperal_downsample.length === config.dim_mult.length - 1, {
    message: 'temperal_downsample needs one entry less than dim_mult',
  })

export type WanVaeConfig = z.infer<typeof wanVaeConfig>

const indexSchema = z.object({
  boundary_ratio: z.number().min(0).max(1).nullish(),
  expand_timesteps: z.boolean().nullish(),
})

/** A network, which runs some or all of the steps. */
export interface WanExpert {
  readonly component: 'transformer' | 'transformer_2'
  /** The graph of what its cross-attentions see of a prompt. */
  readonly context: string
  readonly config: WanTransformerConfig
}

export interface WanConfigs {
  /** The share of the 1000 training timesteps at which `transformer_2` takes over (Wan 2.2 A14B). */
  readonly boundaryRatio: number | undefined
  /** Whether each latent frame has its own timestep (Wan 2.2 TI2V). */
  readonly expandTimesteps: boolean
  readonly textEncoder: Umt5Config
  /** One, or the experts of high and of low noise. */
  readonly experts: readonly [WanExpert, ...WanExpert[]]
  readonly vae: WanVaeConfig
  /** CLIP, of Wan 2.1 image-to-video checkpoints. */
  readonly imageEncoder: ClipVisionConfig | undefined
  readonly changes: PipelineChanges
}

const transformerClasses = [
  'WanTransformer3DModel',
  'WanVACETransformer3DModel',
  'SkyReelsV2Transformer3DModel',
]

/** @throws CheckpointError for a config that is missing, wrong, or does not fit the others */
export function readWanConfigs(checkpoint: CheckpointConfigs): WanConfigs {
  const file = path.join(checkpoint.folder, 'model_index.json')
  const index = checkConfig(indexSchema, checkpoint.index, file)
  const experts = readExperts(checkpoint)
  const [{ config: first }] = experts
  const configs: WanConfigs = {
    boundaryRatio: index.boundary_ratio ?? undefined,
    expandTimesteps: index.expand_timesteps ?? false,
    textEncoder: readConfig(umt5Config, checkpoint, 'text_encoder'),
    experts,
    vae: readConfig(wanVaeConfig, checkpoint, 'vae', { classes: ['AutoencoderKLWan'] }),
    imageEncoder: first.image_dim ? readConfig(clipVisionConfig, checkpoint, 'image_encoder') : undefined,
    changes: isOwnClass(checkpoint.index) ? {} : pipelineChanges(checkpoint.index, file),
  }
  if (
    experts.length === 1 &&
    experts[0].component === 'transformer_2' &&
    configs.boundaryRatio === undefined
  ) {
    throw new CheckpointError('checkpoint/config', {
      subject: `${file} boundary_ratio`,
      expected: 'a number, for without one transformer runs every step, and it is left out',
      got: 'null',
      advice: 'Use a checkpoint with both experts.',
    })
  }
  if (first.image_dim) readConfig(z.looseObject({}), checkpoint, 'image_processor')
  checkFit(configs, checkpoint.folder)
  return configs
}

/** Whether the pipeline class is one of diffusers' `pipelines/wan`. */
function isOwnClass({ _class_name: name }: CheckpointConfigs['index']): boolean {
  return wanPipelines.some(each => each === name)
}

/** Either may be left out; the second is named by its folder, not by its place. */
function readExperts(checkpoint: CheckpointConfigs): readonly [WanExpert, ...WanExpert[]] {
  const read = (component: WanExpert['component'], context: string): WanExpert => ({
    component,
    context,
    config: readConfig(wanTransformerConfig, checkpoint, component, { classes: transformerClasses }),
  })
  const second = checkpoint.components.transformer_2 ? [read('transformer_2', 'context_2')] : []
  const [only] = second
  if (only && checkpoint.components.transformer === undefined) return [only]
  return [read('transformer', 'context'), ...second]
}

/** Channels and widths that one component gives and another takes. */
function checkFit(configs: WanConfigs, folder: string): void {
  const { experts, vae, textEncoder, imageEncoder } = configs
  for (const { component, config } of experts) {
    const expectField = (field: keyof WanTransformerConfig, expected: number, of: string) => {
      const got = config[field]
      if (got !== expected) throw misfit(path.join(folder, component), field, `${expected}, ${of}`, got)
    }
    if (outChannels(config) !== vae.z_dim) expectField('out_channels', vae.z_dim, 'the channels of the VAE')
    checkInputs(configs, config, path.join(folder, component))
    expectField('text_dim', textEncoder.d_model, 'the width of the text encoder')
    if (imageEncoder) expectField('image_dim', imageEncoder.hidden_size, 'the width of the image encoder')
  }
  const [first, second] = experts
  if (!second || first.config.in_channels === second.config.in_channels) return
  const expected = `${first.config.in_channels}, as the first expert has`
  throw misfit(path.join(folder, second.component), 'in_channels', expected, second.config.in_channels)
}

/** The network's input channels have to be latents, with the mask and latents of a picture where it takes one, or a control. */
function checkInputs(
  { vae, expandTimesteps }: WanConfigs,
  config: WanTransformerConfig,
  folder: string,
): void {
  const picture = vae.scale_factor_temporal + vae.z_dim
  const extra = conditionChannels(config)
  const controlled = (config.vace_layers?.length ?? 0) > 0
  const withPicture = extra === picture && !controlled && !expandTimesteps
  if (extra !== 0 && !withPicture) {
    const expected =
      controlled || expandTimesteps
        ? `${vae.z_dim}, the latents alone`
        : `${vae.z_dim}, the latents alone, or ${vae.z_dim + picture}, with a picture's mask and latents`
    throw misfit(folder, 'in_channels', expected, config.in_channels)
  }
  const control = 2 * vae.z_dim + vae.scale_factor_spatial ** 2
  if (controlled && config.vace_in_channels !== control) {
    throw misfit(
      folder,
      'vace_in_channels',
      `${control}, two clips of latents and a mask`,
      config.vace_in_channels,
    )
  }
}

function misfit(folder: string, field: string, expected: string, got: unknown): CheckpointError {
  const advice = /channels/.test(field)
    ? 'Checkpoints that see other inputs (Fun-Control, cameras, …) cannot be run.'
    : 'The components are of different models: put the ones of one model together.'
  return new CheckpointError('checkpoint/config', {
    subject: `${path.join(folder, 'config.json')} ${field}`,
    expected,
    got: JSON.stringify(got) ?? 'none',
    advice,
  })
}
