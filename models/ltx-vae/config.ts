import { z } from 'zod'

const positive = z.number().int().positive()

const blockType = z.enum(['LTXVideoDownBlock3D', 'LTXVideo095DownBlock3D'])
const downsampleType = z.enum(['conv', 'spatial', 'temporal', 'spatiotemporal'])
const paddingMode = z.enum(['zeros', 'reflect'])
const counts = z.array(positive)
const flags = z.array(z.boolean())

/**
 * The fields of diffusers' `AutoencoderKLLTXVideo`; missing ones have that class's defaults. Those of
 * `AutoencoderKLLTX2Video` that it does not have stand for what it does.
 */
export const ltxVaeConfig = z
  .object({
    in_channels: z.literal(3, 'an encoder of other channels than 3').default(3),
    out_channels: z.literal(3, 'a decoder of other channels than 3').default(3),
    latent_channels: positive.default(128),
    block_out_channels: counts.min(1).default([128, 256, 512, 512]),
    down_block_types: z.array(blockType).min(1).default(Array(4).fill('LTXVideoDownBlock3D')),
    decoder_block_out_channels: counts.min(1).default([128, 256, 512, 512]),
    layers_per_block: counts.default([4, 3, 3, 3, 4]),
    decoder_layers_per_block: counts.default([4, 3, 3, 3, 4]),
    spatio_temporal_scaling: flags.default([true, true, true, false]),
    decoder_spatio_temporal_scaling: flags.default([true, true, true, false]),
    decoder_inject_noise: flags.default(Array(5).fill(false)),
    downsample_type: z.array(downsampleType).default(Array(4).fill('conv')),
    upsample_type: z.array(downsampleType.exclude(['conv'])).optional(),
    upsample_residual: flags.default(Array(4).fill(false)),
    upsample_factor: counts.default([1, 1, 1, 1]),
    timestep_conditioning: z.boolean().default(false),
    patch_size: positive.default(4),
    patch_size_t: z.literal(1).default(1),
    resnet_norm_eps: z.number().positive().default(1e-6),
    scaling_factor: z.number().positive().default(1),
    encoder_spatial_padding_mode: paddingMode.default('zeros'),
    decoder_spatial_padding_mode: paddingMode.default('zeros'),
    encoder_causal: z.boolean().default(true),
    decoder_causal: z.boolean().default(false),
    spatial_compression_ratio: positive.nullish(),
    temporal_compression_ratio: positive.nullish(),
  })
  .superRefine((config, context) => {
    for (const [field, length] of Object.entries(listLengths(config))) {
      const got = config[field as keyof ReturnType<typeof listLengths>].length
      if (got >= length) continue
      const message = `expected at least ${length} entries, one a block, got ${got}`
      context.addIssue({ code: 'custom', path: [field], message })
    }
  })

export type LtxVaeConfig = z.infer<typeof ltxVaeConfig> & {
  /** Where a shortcut has its convolution, if not in `conv_shortcut.conv`. */
  readonly shortcut?: string
}

interface BlockLists {
  readonly block_out_channels: readonly number[]
  readonly down_block_types: readonly string[]
  readonly decoder_block_out_channels: readonly number[]
}

/** The encoder's blocks: those of 0.9.5 and later count one width more, that of the input. */
export function downBlockCount({ block_out_channels, down_block_types }: BlockLists): number {
  return block_out_channels.length - (down_block_types.at(-1) === 'LTXVideo095DownBlock3D' ? 1 : 0)
}

/** How many entries the lists need: one a block, and one for the middle block where it has a say. */
function listLengths(config: BlockLists) {
  const down = downBlockCount(config)
  const up = config.decoder_block_out_channels.length
  return {
    down_block_types: down,
    downsample_type: down,
    spatio_temporal_scaling: down,
    layers_per_block: down + 1,
    decoder_spatio_temporal_scaling: up,
    upsample_residual: up,
    upsample_factor: up,
    decoder_layers_per_block: up + 1,
    decoder_inject_noise: up + 1,
  }
}

/** Groups of the upsampler's norms. */
export const upsamplerGroups = 32

/**
 * The fields of diffusers' `LTXLatentUpsamplerModel`; missing ones have that class's defaults. Those of
 * `LTX2LatentUpsamplerModel` that it does not have stand for what it does.
 */
export const ltxUpsamplerConfig = z.object({
  in_channels: positive.default(128),
  mid_channels: positive
    .multipleOf(upsamplerGroups, `expected a multiple of ${upsamplerGroups}, the groups of its norms`)
    .default(512),
  num_blocks_per_stage: z.number().int().nonnegative().default(4),
  dims: z.union([z.literal(2), z.literal(3)], 'expected 2 or 3').default(3),
  spatial_upsample: z.literal(true, 'expected true: only height and width are upsampled').default(true),
  rational_spatial_scale: z.literal(2, 'expected 2: height and width are doubled').default(2),
  use_rational_resampler: z.boolean().default(false),
  temporal_upsample: z.literal(false, 'expected false: only height and width are upsampled').default(false),
})

export type LtxUpsamplerConfig = z.infer<typeof ltxUpsamplerConfig>

/** Pixels and frames a latent. */
export function compression(config: LtxVaeConfig): { spatial: number; temporal: number } {
  const halvings = 2 ** config.spatio_temporal_scaling.filter(Boolean).length
  return {
    spatial: config.spatial_compression_ratio ?? config.patch_size * halvings,
    temporal: config.temporal_compression_ratio ?? halvings,
  }
}
