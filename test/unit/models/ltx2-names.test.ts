import { expect, test } from 'vitest'
import { ltx2OriginalNames } from '../../../models/ltx2/original-names.ts'

/** Keys of diffusers, and what Lightricks' checkpoints and adapters call them. */
const names = {
  'proj_in.weight': 'patchify_proj.weight',
  'audio_proj_in.bias': 'audio_patchify_proj.bias',
  'time_embed.linear.weight': 'adaln_single.linear.weight',
  'audio_time_embed.emb.timestep_embedder.linear_1.weight':
    'audio_adaln_single.emb.timestep_embedder.linear_1.weight',
  'prompt_adaln.linear.bias': 'prompt_adaln_single.linear.bias',
  'audio_prompt_adaln.linear.bias': 'audio_prompt_adaln_single.linear.bias',
  'av_cross_attn_video_scale_shift.linear.bias': 'av_ca_video_scale_shift_adaln_single.linear.bias',
  'av_cross_attn_audio_scale_shift.linear.bias': 'av_ca_audio_scale_shift_adaln_single.linear.bias',
  'av_cross_attn_video_a2v_gate.linear.bias': 'av_ca_a2v_gate_adaln_single.linear.bias',
  'av_cross_attn_audio_v2a_gate.linear.bias': 'av_ca_v2a_gate_adaln_single.linear.bias',
  'transformer_blocks.7.video_a2v_cross_attn_scale_shift_table':
    'transformer_blocks.7.scale_shift_table_a2v_ca_video',
  'transformer_blocks.7.audio_a2v_cross_attn_scale_shift_table':
    'transformer_blocks.7.scale_shift_table_a2v_ca_audio',
  'transformer_blocks.0.audio_attn1.norm_q.weight': 'transformer_blocks.0.audio_attn1.q_norm.weight',
  'transformer_blocks.0.video_to_audio_attn.norm_k.weight':
    'transformer_blocks.0.video_to_audio_attn.k_norm.weight',
  'transformer_blocks.0.attn1.to_out.0.weight': 'transformer_blocks.0.attn1.to_out.0.weight',
  'caption_projection.linear_1.weight': 'caption_projection.linear_1.weight',
}

test.each(Object.entries(names))('%s is %s to its makers', (key, original) => {
  const made = ltx2OriginalNames.reduce((name, [pattern, to]) => name.replace(pattern, to), key)
  expect(made).toBe(original)
})
