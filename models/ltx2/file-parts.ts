/** The transformer of LTX-2 in a file, and what the text goes through before it: what they are, by their tensors. */
import type { FilePart, PartTensors } from '../../src/pipeline/family.ts'
import { layerCount, renameTensors } from '../../src/weights/rename-tensors.ts'
import type { TensorLocation } from '../../src/weights/tensor-location.ts'
import { headerConfigOf, renamed } from './file-header.ts'
import {
  connectorKey,
  connectorNames,
  projectionKey,
  projectionNames,
  transformerNames,
} from './file-names.ts'

/** Of every published network, where the header does not say another number. */
const heads = 32

/** Names of the projection among the pieces of the connectors. */
export const projectionPiece = 'projection'

type Tensors = ReadonlyMap<string, TensorLocation>

/** The tensors of a section that are of one part, and those that are not. */
export function partition(tensors: Tensors, key: RegExp): { own: Tensors; rest: Tensors } {
  const all = [...tensors]
  return {
    own: new Map(all.filter(([name]) => key.test(name))),
    rest: new Map(all.filter(([name]) => !key.test(name))),
  }
}

export function transformerPart({ file, tensors: stored }: PartTensors): FilePart | undefined {
  const tensors = renameTensors(partition(stored, connectorKey).rest, transformerNames)
  const at = (key: string) => tensors.get(key)?.shape
  const [input, sound] = [at('proj_in.weight'), at('audio_proj_in.weight')]
  const block = 'transformer_blocks.0'
  const across = at(`${block}.audio_to_video_attn.to_q.weight`)
  if (!input || !sound || !across) return undefined
  const { transformer: said } = headerConfigOf(file)
  const count = (name: string) => (typeof said?.[name] === 'number' ? said[name] : heads)
  const [videoHeads, audioHeads] = [count('num_attention_heads'), count('audio_num_attention_heads')]
  const has = (key: string) => tensors.has(key)
  const rows = (at(`${block}.scale_shift_table`)?.[0] ?? 0) * (at(`${block}.scale_shift_table`)?.[1] ?? 0)
  // 6 rows, and 3 more where the timestep modulates the attention to the text.
  const modulated = rows / input[0]! > 6
  const caption = at('caption_projection.linear_1.weight')?.[1]
  return {
    component: 'transformer',
    listed: ['diffusers', 'LTX2VideoTransformer3DModel'],
    config: {
      rope_type: 'split',
      ...renamed(said, {
        rope_type: 'rope_type',
        norm_eps: 'norm_eps',
        positional_embedding_theta: 'rope_theta',
        timestep_scale_multiplier: 'timestep_scale_multiplier',
        av_ca_timestep_scale_multiplier: 'cross_attn_timestep_scale_multiplier',
        caption_channels: 'caption_channels',
      }),
      ...positionLimits(said),
      in_channels: input[1],
      out_channels: at('proj_out.weight')?.[0],
      num_attention_heads: videoHeads,
      attention_head_dim: input[0]! / videoHeads,
      cross_attention_dim: input[0],
      audio_in_channels: sound[1],
      audio_out_channels: at('audio_proj_out.weight')?.[0],
      audio_num_attention_heads: audioHeads,
      audio_attention_head_dim: sound[0]! / audioHeads,
      audio_cross_attention_dim: sound[0],
      num_layers: layerCount(tensors.keys(), /^transformer_blocks\.(\d+)\./),
      ...(caption !== undefined && { caption_channels: caption }),
      use_prompt_embeddings: caption !== undefined,
      gated_attn: has(`${block}.attn1.to_gate_logits.weight`),
      audio_gated_attn: has(`${block}.audio_attn1.to_gate_logits.weight`),
      cross_attn_mod: modulated,
      audio_cross_attn_mod: modulated,
      // Networks with a perturbed pass came with the modulated attention to the text.
      perturbed_attn: modulated,
      use_prompt_adaln_single: !modulated || has('prompt_adaln.linear.weight'),
      attention_bias: has(`${block}.attn1.to_q.bias`),
      attention_out_bias: has(`${block}.attn1.to_out.0.bias`),
      ff_bias: has(`${block}.ff.net.2.bias`),
      audio_ff_bias: has(`${block}.audio_ff.net.2.bias`),
      use_keyframes_abs_pos_embedding: has('keyframes_abs_pos_embedding'),
      ...(file.metadata.has('model_version') && { model_version: file.metadata.get('model_version') }),
    },
    tensors,
  }
}

/** Seconds, rows and columns that positions are fractions of. */
function positionLimits(said: Readonly<Record<string, unknown>> | undefined): object {
  const [time, height, width] = listIn(said?.positional_embedding_max_pos)
  const [audioTime] = listIn(said?.audio_positional_embedding_max_pos)
  return {
    ...(time !== undefined && { pos_embed_max_pos: time }),
    ...(height !== undefined && { base_height: height }),
    ...(width !== undefined && { base_width: width }),
    ...(audioTime !== undefined && { audio_pos_embed_max_pos: audioTime }),
  }
}

function listIn(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : []
}

/** The transformers before the network, of one file with it or of their own. */
export function connectorsPart({ file, tensors: stored }: PartTensors): FilePart | undefined {
  const { own } = partition(stored, connectorKey)
  const tensors = renameTensors(own, connectorNames)
  const { transformer: said } = headerConfigOf(file)
  const video = connectorConfig(tensors, 'video', said?.connector_num_attention_heads)
  const audio = connectorConfig(
    tensors,
    'audio',
    said?.audio_connector_num_attention_heads ?? said?.connector_num_attention_heads,
  )
  if (!video || !audio) return undefined
  const [length] = listIn(said?.connector_positional_embedding_max_pos)
  return {
    component: 'connectors',
    listed: ['ltx2', 'LTX2TextConnectors'],
    config: {
      rope_type: 'split',
      ...renamed(said, { rope_type: 'rope_type', positional_embedding_theta: 'rope_theta' }),
      ...(length !== undefined && { connector_rope_base_seq_len: length }),
      ...video,
      ...audio,
    },
    tensors,
  }
}

function connectorConfig(
  tensors: Tensors,
  stream: 'video' | 'audio',
  said: unknown,
): Record<string, unknown> | undefined {
  const root = `${stream}_connector`
  const registers = tensors.get(`${root}.learnable_registers`)?.shape
  const gates = tensors.get(`${root}.transformer_blocks.0.attn1.to_gate_logits.weight`)?.shape
  if (!registers) return undefined
  const width = registers.at(-1)!
  // 2.0 has 30 heads of 128; where heads are gated, they can be counted.
  const count = gates?.[0] ?? (typeof said === 'number' ? said : 30)
  return {
    [`${stream}_connector_num_attention_heads`]: count,
    [`${stream}_connector_attention_head_dim`]: width / count,
    [`${stream}_connector_num_layers`]: layerCount(
      tensors.keys(),
      new RegExp(`^${root}\\.transformer_blocks\\.(\\d+)\\.`),
    ),
    [`${stream}_connector_num_learnable_registers`]: registers.at(-2),
    [`${stream}_gated_attn`]: gates !== undefined,
  }
}

/** The projection of the text encoder's states, which files of the text encoder or of the connectors may hold. */
export function projectionPart(stored: Tensors): FilePart | undefined {
  const tensors = renameTensors(stored, projectionNames)
  const weight = (name: string) => tensors.get(`${name}.weight`)?.shape
  const [single, video, audio] = ['text_proj_in', 'video_text_proj_in', 'audio_text_proj_in'].map(weight)
  if (!single && !(video && audio)) return undefined
  return {
    component: 'connectors',
    piece: projectionPiece,
    listed: ['ltx2', 'LTX2TextConnectors'],
    config: single
      ? { per_modality_projections: false, proj_bias: tensors.has('text_proj_in.bias'), columns: single[1] }
      : {
          per_modality_projections: true,
          proj_bias: tensors.has('video_text_proj_in.bias'),
          video_hidden_dim: video![0],
          audio_hidden_dim: audio![0],
          columns: video![1],
        },
    tensors,
  }
}

/** The part of a file's own tensors that projects the text. */
export function projectionIn({ tensors }: PartTensors): FilePart | undefined {
  return projectionPart(partition(tensors, projectionKey).own)
}
