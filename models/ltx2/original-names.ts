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

/** What adapters may change beside the transformer, which is left out: the projection of the text before the connectors. */
export const ltx2VariantTensors: readonly string[] = [
  'text_proj_in.weight',
  ...['', 'video_', 'audio_'].map(stream => `text_embedding_projection.${stream}aggregate_embed.weight`),
]
