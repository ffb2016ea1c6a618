/** From the names of Lightricks' code to diffusers' (diffusers `scripts/convert_ltx_to_diffusers.py`). */
import type { Renames } from '../../src/weights/rename-tensors.ts'
import { blockNames, commonVaeNames, down, foldedLevels, sampledLevels, up } from '../ltx-vae/file-names.ts'

export const transformerNames: Renames = [
  [/^patchify_proj\./, 'proj_in.'],
  [/^adaln_single\./, 'time_embed.'],
  [/\.q_norm\./, '.norm_q.'],
  [/\.k_norm\./, '.norm_k.'],
]

const common: Renames = [
  ...commonVaeNames,
  [/\.conv_shortcut\.(?=weight|bias)/, '.conv_shortcut.conv.'],
  [/\.norm3\.norm\./, '.norm3.'],
  [/^decoder\.last_time_embedder\./, 'decoder.time_embedder.'],
  [/^decoder\.last_scale_shift_table$/, 'decoder.scale_shift_table'],
]

const decoder090 = [
  'mid_block',
  ...up(0, ''),
  ...up(1, 'upsamplers.0', ''),
  ...up(2, 'conv_in', 'upsamplers.0', ''),
  ...up(3, 'conv_in', 'upsamplers.0', ''),
]
const encoder090 = [
  ...[0, 1].flatMap(index => down(index, '', 'downsamplers.0', 'conv_out')),
  ...down(2, '', 'downsamplers.0'),
  ...down(3, ''),
]

/** By the release that the VAE first came with. */
export const vaeNames = {
  '0.9.0': [
    ...blockNames('decoder', 'up_blocks', decoder090),
    ...blockNames('encoder', 'down_blocks', [...encoder090, 'mid_block']),
    ...common,
  ],
  '0.9.1': [
    ...blockNames('decoder', 'up_blocks', ['mid_block', ...sampledLevels(4)]),
    ...blockNames('encoder', 'down_blocks', [...encoder090, 'mid_block']),
    ...common,
  ],
  '0.9.5': [
    ...blockNames('decoder', 'up_blocks', ['mid_block', ...sampledLevels(4)]),
    ...blockNames('encoder', 'down_blocks', [...foldedLevels, 'mid_block']),
    ...common,
  ],
} satisfies Readonly<Record<string, Renames>>
