/** From the names of Lightricks' code for their VAEs to diffusers' (diffusers `scripts/convert_ltx_to_diffusers.py`). */
import type { Renames } from '../../src/weights/rename-tensors.ts'

/** The makers' lists of blocks, in their order, as diffusers' levels. */
export function blockNames(
  side: 'encoder' | 'decoder',
  list: 'up_blocks' | 'down_blocks',
  names: readonly string[],
): Renames {
  return names.map((name, index) => [new RegExp(`^${side}\\.${list}\\.${index}\\.`), `${side}.§${name}.`])
}

/** What is renamed after the blocks of every release. */
export const commonVaeNames: Renames = [
  // The mark keeps a name that was rewritten from being taken for one that is to be.
  [/§/, ''],
  [/\.res_blocks\./, '.resnets.'],
  [/^per_channel_statistics\.mean-of-means$/, 'latents_mean'],
  [/^per_channel_statistics\.std-of-means$/, 'latents_std'],
]

/** Statistics that no network uses. */
export const unusedStatistics = /^per_channel_statistics\.(?:channel|mean-of-stds)/

const level = (list: string, index: number, parts: readonly string[]) =>
  parts.map(part => (part ? `${list}.${index}.${part}` : `${list}.${index}`))

/** Parts of a level of the decoder; `''` are its residual blocks. */
export const up = (index: number, ...parts: string[]) => level('up_blocks', index, parts)

/** Parts of a level of the encoder. */
export const down = (index: number, ...parts: string[]) => level('down_blocks', index, parts)

/** Levels of the encoder that end with one convolution, from 0.9.5 on. */
export const foldedLevels = [0, 1, 2, 3].flatMap(index => down(index, '', 'downsamplers.0'))

/** Levels of the decoder that begin with an upsampling. */
export const sampledLevels = (levels: number) =>
  Array.from({ length: levels }, (_, index) => up(index, 'upsamplers.0', '')).flat()
