import path from 'node:path'
import { z } from 'zod'
import type { CheckpointConfigs } from '../../src/pipeline/family.ts'
import { checkFit } from '../../src/weights/check-fit.ts'
import { readConfig } from '../../src/weights/read-config.ts'
import { type Qwen2Config, qwen2Config } from '../qwen2/config.ts'
import { type SiglipVisionConfig, siglipVisionConfig } from '../siglip/config.ts'
import { type T5Config, t5Config } from '../t5/config.ts'
import { type Guider, readGuider } from './guider.ts'
import { imageToVideo } from './pipelines.ts'

const positive = z.number().int().positive()
const even = positive.multipleOf(2)

/** The fields of diffusers' `HunyuanVideo15Transformer3DModel`; missing ones have that class's defaults. */
export const hunyuanTransformerConfig = z
  .object({
    in_channels: positive.default(65),
    out_channels: positive.default(32),
    num_attention_heads: positive.default(16),
    attention_head_dim: even.default(128),
    num_layers: positive.default(54),
    num_refiner_layers: positive.default(2),
    mlp_ratio: z.number().positive().default(4),
    patch_size: z.literal(1, 'patches of more than one latent cannot be run').default(1),
    patch_size_t: z.literal(1, 'patches of more than one latent cannot be run').default(1),
    qk_norm: z.literal('rms_norm').default('rms_norm'),
    text_embed_dim: positive.default(3584),
    text_embed_2_dim: positive.default(1472),
    image_embed_dim: positive.default(1152),
    rope_theta: z.number().positive().default(256),
    rope_axes_dim: z.tuple([even, even, even]).default([16, 56, 56]),
    target_size: positive.default(640),
    use_meanflow: z.boolean().default(false),
  })
  .refine(config => config.in_channels === 2 * config.out_channels + 1, {
    path: ['in_channels'],
    message: 'a number other than 2 · out_channels + 1: latents, those of a picture, and a mask',
  })
  .refine(config => config.rope_axes_dim.reduce((a, b) => a + b) === config.attention_head_dim, {
    path: ['rope_axes_dim'],
    message: 'axes that do not add up to attention_head_dim',
  })

export type HunyuanTransformerConfig = z.infer<typeof hunyuanTransformerConfig>

/** The fields of diffusers' `AutoencoderKLHunyuanVideo15`; missing ones have that class's defaults. */
export const hunyuanVaeConfig = z
  .object({
    in_channels: z.literal(3, 'an encoder of other channels than 3').default(3),
    out_channels: z.literal(3, 'a decoder of other channels than 3').default(3),
    latent_channels: positive.default(32),
    block_out_channels: z.array(positive).min(2).default([128, 256, 512, 1024, 1024]),
    layers_per_block: positive.default(2),
    spatial_compression_ratio: positive.default(16),
    temporal_compression_ratio: positive.default(4),
    downsample_match_channel: z.boolean().default(true),
    upsample_match_channel: z.boolean().default(true),
    scaling_factor: z.number().positive().default(1.03682),
  })
  .refine(
    config => {
      const levels = config.block_out_channels.length
      return [config.spatial_compression_ratio, config.temporal_compression_ratio].every(ratio => {
        return Number.isInteger(Math.log2(ratio)) && Math.log2(ratio) < levels
      })
    },
    {
      path: ['spatial_compression_ratio'],
      message: 'ratios that are not powers of two, or of more levels than block_out_channels has',
    },
  )
  .refine(config => config.temporal_compression_ratio <= config.spatial_compression_ratio, {
    path: ['temporal_compression_ratio'],
    message: 'more than spatial_compression_ratio',
  })

export type HunyuanVaeConfig = z.infer<typeof hunyuanVaeConfig>

/** Everything that is read of a checkpoint. */
export interface HunyuanConfigs {
  readonly textEncoder: Qwen2Config
  readonly glyphEncoder: T5Config
  /** Of `HunyuanVideo15ImageToVideoPipeline` alone. */
  readonly image: { readonly encoder: SiglipVisionConfig; readonly preprocessor: unknown } | undefined
  readonly transformer: HunyuanTransformerConfig
  /** Whether the network takes the next timestep as an input (MeanFlow); diffusers passes it in image to video only. */
  readonly meanflow: boolean
  readonly vae: HunyuanVaeConfig
  readonly guider: Guider
}

/**
 * Reads the configs, and checks that the components fit each other. The pipeline class says whether a picture is needed:
 * `task_type` of published transformers does not.
 */
export function readHunyuanConfigs(checkpoint: CheckpointConfigs): HunyuanConfigs {
  const { folder, components, index } = checkpoint
  const showsPicture = index._class_name === imageToVideo
  const transformer = readConfig(hunyuanTransformerConfig, checkpoint, 'transformer', {
    classes: ['HunyuanVideo15Transformer3DModel'],
  })
  const configs = {
    textEncoder: readConfig(qwen2Config, checkpoint, 'text_encoder'),
    glyphEncoder: readConfig(t5Config, checkpoint, 'text_encoder_2'),
    image: showsPicture
      ? {
          encoder: readConfig(siglipVisionConfig, checkpoint, 'image_encoder'),
          preprocessor: components.feature_extractor,
        }
      : undefined,
    transformer,
    meanflow: showsPicture && transformer.use_meanflow,
    vae: readConfig(hunyuanVaeConfig, checkpoint, 'vae', { classes: ['AutoencoderKLHunyuanVideo15'] }),
    guider: readGuider(components.guider, path.join(folder, 'guider/guider_config.json')),
  }
  checkWidths(configs, checkpoint)
  return configs
}

function checkWidths(
  { transformer, textEncoder, glyphEncoder, image, vae }: HunyuanConfigs,
  checkpoint: CheckpointConfigs,
) {
  const fits = [
    ['out_channels', transformer.out_channels, vae.latent_channels, 'the channels of the VAE'],
    ['text_embed_dim', transformer.text_embed_dim, textEncoder.hidden_size, 'the width of the text encoder'],
    [
      'text_embed_2_dim',
      transformer.text_embed_2_dim,
      glyphEncoder.d_model,
      'the width of the glyph encoder',
    ],
    [
      'image_embed_dim',
      transformer.image_embed_dim,
      image?.encoder.hidden_size ?? transformer.image_embed_dim,
      'the width of the image encoder',
    ],
  ] as const
  checkFit(
    checkpoint,
    fits.map(fit => ['transformer', ...fit]),
  )
}
