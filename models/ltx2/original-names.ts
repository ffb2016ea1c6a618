import type { OriginalNames } from '../../src/weights/adapters/adapt.ts'

/** From diffusers' keys to those of Lightricks' code (diffusers `scripts/convert_ltx2_to_diffusers.py`). */
export const ltx2OriginalNames: OriginalNames = [
  [/^proj_in\./, 'patchify_proj.'],
  [/^audio_proj_in\./, 'audio_patchify_proj.'],
  [/^time_embed\./, 'adaln_single.'],
  [/^audio_time_embed\./, 'audio_adaln_single.'],
  [/^(audio_)?prompt_adaln\./, '$1prompt_adaln_single.'],
  [/^av_cross_attn_(video|audio)_scale_shift\./, 'av_ca_$1_scale_shift_adaln_single.'],
  [/^av_cross_attn_video_a2v_gate\./, 'av_ca_a2v_gate_adaln_single.'],
  [/^av_cross_attn_audio_v2a_gate\./, 'av_ca_v2a_gate_adaln_single.'],
  [/\.(video|audio)_a2v_cross_attn_scale_shift_table$/, '.scale_shift_table_a2v_ca_$1'],
  [/\.norm_q\./, '.q_norm.'],
  [/\.norm_k\./, '.k_norm.'],
]

/** From diffusers' keys of the connectors and the projections to those of Lightricks' code. */
export const ltx2ConnectorNames: OriginalNames = [
  [/^(video|audio)_connector\./, '$1_embeddings_connector.'],
  [/\.transformer_blocks\./, '.transformer_1d_blocks.'],
  [/^((?:video_|audio_)?)text_proj_in\./, 'text_embedding_projection.$1aggregate_embed.'],
  [/\.norm_q\./, '.q_norm.'],
  [/\.norm_k\./, '.k_norm.'],
]

/** Projections of the text before the connectors: what adapters change in those of another release is left out. */
export const ltx2VariantTensors: readonly string[] = [
  ...['', 'video_', 'audio_'].flatMap(stream => [
    `${stream}text_proj_in.weight`,
    `connectors.${stream}text_proj_in.weight`,
  ]),
  ...['', 'video_', 'audio_'].map(stream => `text_embedding_projection.${stream}aggregate_embed.weight`),
]
