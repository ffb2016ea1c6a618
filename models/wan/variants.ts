import type { Variant } from '../../src/pipeline/family.ts'
import { wanModes, wanTransformerConfig } from './config.ts'

/** Fields of the published configs that decide what a checkpoint can be asked for. */
const published = [
  ['Wan 2.1 T2V', 'Wan-AI/Wan2.1-T2V-1.3B-Diffusers', {}],
  ['Wan 2.1 I2V', 'Wan-AI/Wan2.1-I2V-14B-480P-Diffusers', { in_channels: 36, image_dim: 1280 }],
  [
    'Wan 2.1 FLF2V',
    'Wan-AI/Wan2.1-FLF2V-14B-720P-diffusers',
    { in_channels: 36, image_dim: 1280, pos_embed_seq_len: 514 },
  ],
  ['Wan 2.1 VACE', 'Wan-AI/Wan2.1-VACE-1.3B-diffusers', { vace_layers: [0], vace_in_channels: 96 }],
  ['Wan 2.2 T2V-A14B', 'Wan-AI/Wan2.2-T2V-A14B-Diffusers', {}],
  ['Wan 2.2 I2V-A14B', 'Wan-AI/Wan2.2-I2V-A14B-Diffusers', { in_channels: 36 }],
  [
    'Wan 2.2 TI2V-5B, doodle',
    'Wan-AI/Wan2.2-TI2V-5B-Diffusers',
    { in_channels: 48, perFrameTimesteps: true },
  ],
] as const

export const wanVariants: readonly Variant[] = published.map(([name, repository, fields]) => {
  const { perFrameTimesteps = false, ...config } = { perFrameTimesteps: false, ...fields }
  const outChannels = perFrameTimesteps ? 48 : 16
  const transformer = wanTransformerConfig.parse({ ...config, out_channels: outChannels })
  return { name, repository, ...wanModes(transformer, perFrameTimesteps) }
})
