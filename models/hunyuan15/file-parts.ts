/** Parts of HunyuanVideo 1.5 in files: what they are, by their tensors. */
import type { FilePart, PartTensors } from '../../src/pipeline/family.ts'
import { layerCount, renameTensors } from '../../src/weights/rename-tensors.ts'
import type { TensorLocation } from '../../src/weights/tensor-location.ts'
import { splitRows, swapHalves } from '../../src/weights/tensor-rows.ts'
import { joinedProjections, lastModulation, transformerNames, vaeNames } from './file-names.ts'

/** Side of the square of as many pixels as Tencent's config.json names by the height of 16:9. */
const targets: Readonly<Record<string, number>> = { '480p': 640, '720p': 960 }

export function transformerPart({ tensors: stored, config: said = {} }: PartTensors): FilePart | undefined {
  const tensors = takenApart(renameTensors(stored, transformerNames))
  const at = (key: string) => tensors.get(key)?.shape
  const block = 'transformer_blocks.0'
  const [input, output] = [at('x_embedder.proj.weight'), at('proj_out.weight')]
  const head = at(`${block}.attn.norm_q.weight`)?.[0]
  const inner = at(`${block}.ff.net.0.proj.weight`)?.[0]
  const texts = at('context_embedder.proj_in.weight')?.[1]
  const glyphs = at('context_embedder_2.norm.weight')?.[0]
  const pictures = at('image_embedder.norm_in.weight')?.[0]
  if (!input || !output || !head || !inner || !texts || !glyphs || !pictures) return undefined
  const width = input[0]!
  // What no tensor tells is read of a config beside the file, Tencent's or diffusers', of the same width.
  const own =
    said.hidden_size === width || Number(said.num_attention_heads) * Number(said.attention_head_dim) === width
  const { rope_dim_list, rope_axes_dim, rope_theta, ideal_resolution, ideal_task, task_type, target_size } =
    own ? said : {}
  return {
    component: 'transformer',
    listed: ['diffusers', 'HunyuanVideo15Transformer3DModel'],
    config: {
      in_channels: input[1],
      out_channels: output[0],
      num_attention_heads: width / head,
      attention_head_dim: head,
      num_layers: layerCount(tensors.keys(), /^transformer_blocks\.(\d+)\./),
      num_refiner_layers: layerCount(tensors.keys(), /\.refiner_blocks\.(\d+)\./),
      mlp_ratio: inner / width,
      text_embed_dim: texts,
      text_embed_2_dim: glyphs,
      image_embed_dim: pictures,
      rope_axes_dim: rope_axes_dim ?? rope_dim_list ?? [head / 8, (head * 7) / 16, (head * 7) / 16],
      ...(rope_theta !== undefined && { rope_theta }),
      target_size: target_size ?? targets[String(ideal_resolution)] ?? targets['480p'],
      use_meanflow: tensors.has('time_embed.timestep_embedder_r.linear_1.weight'),
      // What it was trained for: only Tencent's config says so for certain.
      ...(ideal_task !== undefined && { ideal_task }),
      ...(task_type !== undefined && { task_type }),
    },
    tensors,
  }
}

/** Projections that are one in the file, apart; shift and scale of the last norm in diffusers' order. */
function takenApart(tensors: ReadonlyMap<string, TensorLocation>): Map<string, TensorLocation> {
  const all = [...tensors].flatMap(([key, tensor]): [string, TensorLocation][] => {
    const [, leaf] = lastModulation.exec(key) ?? []
    if (leaf !== undefined) {
      const name = `norm_out.linear.${leaf}`
      return [[name, swapHalves(tensor, name)]]
    }
    for (const { name, apart } of joinedProjections) {
      const match = name.exec(key)
      if (match)
        return [
          ...splitRows(
            tensor,
            apart.map(each => key.slice(0, match.index) + each + match[1]),
          ),
        ]
    }
    return [[key, tensor]]
  })
  return new Map(all)
}

export function vaePart({ tensors: stored }: PartTensors): FilePart | undefined {
  const tensors = renameTensors(stored, vaeNames)
  const at = (key: string) => tensors.get(key)?.shape
  const input = at('decoder.conv_in.conv.weight')
  if (input?.length !== 5 || !at('decoder.mid_block.attentions.0.to_q.weight')) return undefined
  if (!at('decoder.up_blocks.0.resnets.0.norm1.gamma')) return undefined
  const levels = layerCount(tensors.keys(), /^decoder\.up_blocks\.(\d+)\./)
  const widths = Array.from({ length: levels }, (_, level) => {
    return at(`decoder.up_blocks.${level}.resnets.0.conv1.conv.weight`)![0]!
  })
  // An upsampling gives 8 values for each of the next level's where it doubles time, and 4 where it does not.
  const folds = widths.flatMap((_, level) => {
    const rows = at(`decoder.up_blocks.${level}.upsamplers.0.conv.conv.weight`)?.[0]
    const next = at(`decoder.up_blocks.${level + 1}.resnets.0.conv1.conv.weight`)?.[1]
    return rows === undefined || next === undefined ? [] : [rows / next]
  })
  return {
    component: 'vae',
    listed: ['diffusers', 'AutoencoderKLHunyuanVideo15'],
    config: {
      latent_channels: input[1],
      block_out_channels: widths.toReversed(),
      layers_per_block: layerCount(tensors.keys(), /^decoder\.up_blocks\.0\.resnets\.(\d+)\./) - 1,
      spatial_compression_ratio: 2 ** folds.length,
      temporal_compression_ratio: 2 ** folds.filter(values => values === 8).length,
    },
    tensors,
  }
}
