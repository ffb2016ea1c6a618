/** From the names of Lightricks' code to diffusers' (diffusers `scripts/convert_ltx2_to_diffusers.py`). */
import type { Renames } from '../../src/weights/rename-tensors.ts'
import { blockNames, commonVaeNames, foldedLevels, sampledLevels } from '../ltx-vae/file-names.ts'

const attentionNames: Renames = [
  [/\.q_norm\./, '.norm_q.'],
  [/\.k_norm\./, '.norm_k.'],
]

export const transformerNames: Renames = [
  [/^patchify_proj\./, 'proj_in.'],
  [/^audio_patchify_proj\./, 'audio_proj_in.'],
  [/^adaln_single\./, 'time_embed.'],
  [/^audio_adaln_single\./, 'audio_time_embed.'],
  [/^(audio_)?prompt_adaln_single\./, '$1prompt_adaln.'],
  [/^av_ca_(video|audio)_scale_shift_adaln_single\./, 'av_cross_attn_$1_scale_shift.'],
  [/^av_ca_a2v_gate_adaln_single\./, 'av_cross_attn_video_a2v_gate.'],
  [/^av_ca_v2a_gate_adaln_single\./, 'av_cross_attn_audio_v2a_gate.'],
  [/\.scale_shift_table_a2v_ca_(video|audio)$/, '.$1_a2v_cross_attn_scale_shift_table'],
  ...attentionNames,
]

/** Tensors of the connectors, which stand among those of the transformer, by the names of either. */
export const connectorKey = /^(?:connectors\.)?(?:video|audio)_(?:embeddings_)?connector\./

/** Tensors that project the text before the connectors. */
export const projectionKey = /^(?:text_embedding_projection\.|(?:video_|audio_)?text_proj_in\.)/

export const connectorNames: Renames = [
  [/^connectors\./, ''],
  [/^(video|audio)_embeddings_connector\./, '$1_connector.'],
  [/\.transformer_1d_blocks\./, '.transformer_blocks.'],
  ...attentionNames,
]

export const projectionNames: Renames = [
  [/^text_embedding_projection\.((?:video_|audio_)?)aggregate_embed\./, '$1text_proj_in.'],
  // ComfyUI's own name of the one projection of 2.0.
  [/^text_embedding_projection\.(?=weight$|bias$)/, 'text_proj_in.'],
]

export function vaeNames(decoderLevels: number): Renames {
  return [
    ...blockNames('decoder', 'up_blocks', ['mid_block', ...sampledLevels(decoderLevels)]),
    ...blockNames('encoder', 'down_blocks', [...foldedLevels, 'mid_block']),
    ...commonVaeNames,
  ]
}

export const audioVaeNames: Renames = commonVaeNames

export const vocoderNames: Renames = [
  [/(^|\.)ups\./, '$1upsamplers.'],
  [/(^|\.)resblocks\./, '$1resnets.'],
  [/(^|\.)conv_pre\./, '$1conv_in.'],
  [/(^|\.)conv_post\./, '$1conv_out.'],
  [/(^|\.)act_post\./, '$1act_out.'],
  [/\.downsample\.lowpass\./, '.downsample.'],
]
