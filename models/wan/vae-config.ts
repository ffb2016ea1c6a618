/** The config of the Wan VAE, 2.1 and the residual 2.2. */
import { z } from 'zod'

const positive = z.number().int().positive()

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
  .superRefine((config, context) => {
    const { z_dim, dim_mult, temperal_downsample, latents_mean, latents_std } = config
    const patch = config.patch_size ?? 1
    const rules: readonly [holds: boolean, message: string, ...field: string[]][] = [
      [
        latents_mean.length === z_dim && latents_std.length === z_dim,
        'latents_mean and latents_std need one number per latent channel (z_dim)',
      ],
      [
        config.out_channels === 3 * patch ** 2,
        'a decoder of other channels than 3, after the pixels of its patches are put beside each other',
        'out_channels',
      ],
      [
        config.in_channels === 3 * patch ** 2,
        'an encoder of other channels than 3, after its pixels are put into patches',
        'in_channels',
      ],
      [
        config.scale_factor_spatial === patch * 2 ** (dim_mult.length - 1),
        'another factor than that of the blocks and the patches: pictures would have another size than asked for',
        'scale_factor_spatial',
      ],
      [
        config.scale_factor_temporal === 2 ** temperal_downsample.filter(Boolean).length,
        'another factor than that of the blocks: clips would have another length than asked for',
        'scale_factor_temporal',
      ],
      [
        temperal_downsample.length === dim_mult.length - 1,
        'temperal_downsample needs one entry less than dim_mult',
      ],
    ]
    for (const [holds, message, ...path] of rules) {
      if (!holds) context.addIssue({ code: 'custom', path, message })
    }
  })

export type WanVaeConfig = z.infer<typeof wanVaeConfig>
