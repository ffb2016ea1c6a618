/** The video VAE of LTX-2 in a file: its blocks, widths and changes of size, all counted in its tensors. */
import type { FilePart, PartTensors } from '../../src/pipeline/family.ts'
import { layerCount, renameTensors } from '../../src/weights/rename-tensors.ts'
import type { TensorLocation } from '../../src/weights/tensor-location.ts'
import { unusedStatistics } from '../ltx-vae/file-names.ts'
import { headerConfigOf } from './file-header.ts'
import { vaeNames } from './file-names.ts'

type Tensors = ReadonlyMap<string, TensorLocation>

/** Factors of time and space by the name of a change of size: how many values it folds into one. */
const foldings: ReadonlyMap<number, string> = new Map([
  [2, 'temporal'],
  [4, 'spatial'],
  [8, 'spatiotemporal'],
])

export function vaePart({ file, tensors: stored }: PartTensors): FilePart | undefined {
  // The other decoder of 2.5, which is a diffusion model: told apart, so that messages can name it.
  if (stored.has('decoder.t_embedder.mlp.0.weight')) return diffusionDecoder
  const input = stored.get('decoder.conv_in.conv.weight')?.shape
  const sampled = stored.has('decoder.up_blocks.1.conv.conv.weight')
  const timed = stored.has('decoder.last_time_embedder.timestep_embedder.linear_1.weight')
  if (input?.length !== 5 || !sampled || timed) return undefined
  if (stored.has('encoder.conv_in.conv.weight') && !stored.has('encoder.down_blocks.1.conv.conv.weight'))
    return undefined
  // The first block is the middle, and every level has an upsampling and residual blocks.
  const levels = (layerCount(stored.keys(), /^decoder\.up_blocks\.(\d+)\./) - 1) / 2
  const tensors = renameTensors(stored, vaeNames(levels))
  for (const key of tensors.keys()) if (unusedStatistics.test(key)) tensors.delete(key)
  const { vae: said } = headerConfigOf(file)
  const steps = residualSteps(said, levels)
  return {
    component: 'vae',
    listed: ['diffusers', 'AutoencoderKLLTX2Video'],
    config: {
      latent_channels: input[1],
      ...decoderConfig(tensors, levels),
      ...(tensors.has('encoder.conv_in.conv.weight') && encoderConfig(tensors)),
      upsample_residual: steps,
      decoder_inject_noise: Array(levels + 1).fill(false),
      decoder_causal: said?.causal_decoder === true,
      timestep_conditioning: said?.timestep_conditioning === true,
      // 2.0, of three levels, mirrors the edges of a picture; later ones put zeros around it.
      decoder_spatial_padding_mode: said?.spatial_padding_mode ?? (levels === 3 ? 'reflect' : 'zeros'),
    },
    tensors,
  }
}

/** No model has a use for it. */
const diffusionDecoder: FilePart = {
  component: 'vae',
  listed: ['diffusers', 'LTX2VideoDiffusionDecoderModel'],
  config: {},
  tensors: new Map(),
}

/** Whether each upsampling block is residual. No tensor tells; only 2.0 is, which has three levels. */
function residualSteps(said: Readonly<Record<string, unknown>> | undefined, levels: number): boolean[] {
  const blocks = Array.isArray(said?.decoder_blocks) ? (said.decoder_blocks as unknown[]) : []
  const steps = blocks.flatMap(block => {
    const [name, options] = Array.isArray(block) ? (block as [unknown, unknown]) : []
    const samples = typeof name === 'string' && name.startsWith('compress_')
    return samples ? [(options as { residual?: unknown } | undefined)?.residual === true] : []
  })
  return steps.length === levels ? steps : Array<boolean>(levels).fill(levels === 3)
}

/** Lists of diffusers' decoder are in the order of the encoder, but for the kinds of upsampling. */
function decoderConfig(tensors: Tensors, levels: number): object {
  const each = Array.from({ length: levels }, (_, level) => {
    const root = `decoder.up_blocks.${level}`
    const [rows, before] = shapeOf(tensors, `${root}.upsamplers.0.conv.conv.weight`)
    const after = shapeOf(tensors, `${root}.resnets.0.conv1.conv.weight`)[0]!
    return { before: before!, after, folds: rows! / after, layers: blocksIn(tensors, root) }
  })
  const reversed = [...each].reverse()
  return {
    decoder_block_out_channels: reversed.map(({ before }) => before),
    decoder_layers_per_block: [
      ...reversed.map(({ layers }) => layers),
      blocksIn(tensors, 'decoder.mid_block'),
    ],
    decoder_spatio_temporal_scaling: each.map(() => true),
    upsample_factor: reversed.map(({ before, after }) => before / after),
    upsample_type: each.map(({ folds }) => foldings.get(folds) ?? `${folds} values a step`),
  }
}

function encoderConfig(tensors: Tensors): object {
  const levels = layerCount(tensors.keys(), /^encoder\.down_blocks\.(\d+)\./)
  const each = Array.from({ length: levels }, (_, level) => {
    const root = `encoder.down_blocks.${level}`
    const next = level + 1 < levels ? `encoder.down_blocks.${level + 1}` : 'encoder.mid_block'
    const rows = shapeOf(tensors, `${root}.downsamplers.0.conv.conv.weight`)[0]!
    const after = shapeOf(tensors, `${next}.resnets.0.conv1.conv.weight`)[1]!
    return { after, folds: after / rows, layers: blocksIn(tensors, root) }
  })
  return {
    block_out_channels: each.map(({ after }) => after),
    layers_per_block: [...each.map(({ layers }) => layers), blocksIn(tensors, 'encoder.mid_block')],
    spatio_temporal_scaling: each.map(() => true),
    downsample_type: each.map(({ folds }) => foldings.get(folds) ?? `${folds} values a step`),
  }
}

function shapeOf(tensors: Tensors, key: string): readonly number[] {
  return tensors.get(key)?.shape ?? []
}

function blocksIn(tensors: Tensors, scope: string): number {
  return layerCount(tensors.keys(), new RegExp(`^${scope.replaceAll('.', '\\.')}\\.resnets\\.(\\d+)\\.`))
}
