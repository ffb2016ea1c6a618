/** From the names of Lightricks' code to diffusers' (diffusers `scripts/convert_ltx_to_diffusers.py`). */
import type { Renames } from '../../src/weights/rename-tensors.ts'

export const transformerNames: Renames = [
  [/^patchify_proj\./, 'proj_in.'],
  [/^adaln_single\./, 'time_embed.'],
  [/\.q_norm\./, '.norm_q.'],
  [/\.k_norm\./, '.norm_k.'],
]

/** The makers' lists of blocks, in their order, as diffusers' levels. */
function blocks(side: string, list: 'up_blocks' | 'down_blocks', names: readonly string[]): Renames {
  return names.map((name, index) => [new RegExp(`^${side}\\.${list}\\.${index}\\.`), `${side}.§${name}.`])
}

const common: Renames = [
  // The mark keeps a name that was rewritten from being taken for one that is to be.
  [/§/, ''],
  [/\.conv_shortcut\.(?=weight|bias)/, '.conv_shortcut.conv.'],
  [/\.res_blocks\./, '.resnets.'],
  [/\.norm3\.norm\./, '.norm3.'],
  [/^per_channel_statistics\.mean-of-means$/, 'latents_mean'],
  [/^per_channel_statistics\.std-of-means$/, 'latents_std'],
  [/^decoder\.last_time_embedder\./, 'decoder.time_embedder.'],
  [/^decoder\.last_scale_shift_table$/, 'decoder.scale_shift_table'],
]

const level = (list: string, index: number, parts: readonly string[]) =>
  parts.map(part => (part ? `${list}.${index}.${part}` : `${list}.${index}`))

const up = (index: number, ...parts: string[]) => level('up_blocks', index, parts)
const down = (index: number, ...parts: string[]) => level('down_blocks', index, parts)

const sampled = [0, 1, 2, 3].flatMap(index => up(index, 'upsamplers.0', ''))
const folded = [0, 1, 2, 3].flatMap(index => down(index, '', 'downsamplers.0'))

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
    ...blocks('decoder', 'up_blocks', decoder090),
    ...blocks('encoder', 'down_blocks', [...encoder090, 'mid_block']),
    ...common,
  ],
  '0.9.1': [
    ...blocks('decoder', 'up_blocks', ['mid_block', ...sampled]),
    ...blocks('encoder', 'down_blocks', [...encoder090, 'mid_block']),
    ...common,
  ],
  '0.9.5': [
    ...blocks('decoder', 'up_blocks', ['mid_block', ...sampled]),
    ...blocks('encoder', 'down_blocks', [...folded, 'mid_block']),
    ...common,
  ],
} satisfies Readonly<Record<string, Renames>>

/** Statistics that no network uses. */
export const unusedStatistics = /^per_channel_statistics\.(?:channel|mean-of-stds)/
