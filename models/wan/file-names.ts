/** From the names of Wan's own code to diffusers' (diffusers `scripts/convert_wan_to_diffusers.py`). */
import type { Renames } from '../../src/weights/rename-tensors.ts'

export const transformerNames: Renames = [
  [/^time_embedding\.0\./, 'condition_embedder.time_embedder.linear_1.'],
  [/^time_embedding\.2\./, 'condition_embedder.time_embedder.linear_2.'],
  [/^text_embedding\.0\./, 'condition_embedder.text_embedder.linear_1.'],
  [/^text_embedding\.2\./, 'condition_embedder.text_embedder.linear_2.'],
  [/^time_projection\.1\./, 'condition_embedder.time_proj.'],
  [/^img_emb\.emb_pos$/, 'condition_embedder.image_embedder.pos_embed'],
  [/^img_emb\.proj\.0\./, 'condition_embedder.image_embedder.norm1.'],
  [/^img_emb\.proj\.1\./, 'condition_embedder.image_embedder.ff.net.0.proj.'],
  [/^img_emb\.proj\.3\./, 'condition_embedder.image_embedder.ff.net.2.'],
  [/^img_emb\.proj\.4\./, 'condition_embedder.image_embedder.norm2.'],
  [/^head\.head\./, 'proj_out.'],
  [/^head\.modulation$/, 'scale_shift_table'],
  [/\.modulation$/, '.scale_shift_table'],
  [/\.self_attn\./, '.attn1.'],
  [/\.cross_attn\./, '.attn2.'],
  [/\.(attn[12])\.o\./, '.$1.to_out.0.'],
  [/\.(attn[12])\.([qkv])\./, '.$1.to_$2.'],
  [/\.k_img\./, '.add_k_proj.'],
  [/\.v_img\./, '.add_v_proj.'],
  [/\.norm_k_img\./, '.norm_added_k.'],
  [/\.ffn\.0\./, '.ffn.net.0.proj.'],
  [/\.ffn\.2\./, '.ffn.net.2.'],
  [/^(blocks|vace_blocks)\.(\d+)\.norm3\./, '$1.$2.norm2.'],
  [/^vace_blocks\.(\d+)\.before_proj\./, 'vace_blocks.$1.proj_in.'],
  [/^vace_blocks\.(\d+)\.after_proj\./, 'vace_blocks.$1.proj_out.'],
]

/** A level of the 2.1 decoder is three residual blocks and an upsampler, in one list. */
const levels = [0, 1, 2, 3].flatMap((level): Renames => {
  const blocks = [0, 1, 2].map(block => {
    const from = new RegExp(`^decoder\\.upsamples\\.${4 * level + block}\\.`)
    return [from, `decoder.up_blocks.${level}.resnets.${block}.`] as const
  })
  const upsampler = new RegExp(`^decoder\\.upsamples\\.${4 * level + 3}\\.`)
  return [...blocks, [upsampler, `decoder.up_blocks.${level}.upsamplers.0.`]]
})

export const vaeNames: Renames = [
  [/^conv1\./, 'quant_conv.'],
  [/^conv2\./, 'post_quant_conv.'],
  [/^(encoder|decoder)\.conv1\./, '$1.conv_in.'],
  [/^(encoder|decoder)\.head\.0\./, '$1.norm_out.'],
  [/^(encoder|decoder)\.head\.2\./, '$1.conv_out.'],
  [/^(encoder|decoder)\.middle\.0\./, '$1.mid_block.resnets.0.'],
  [/^(encoder|decoder)\.middle\.1\./, '$1.mid_block.attentions.0.'],
  [/^(encoder|decoder)\.middle\.2\./, '$1.mid_block.resnets.1.'],
  // 2.2: levels of their own
  [
    /^encoder\.downsamples\.(\d+)\.downsamples\.\d+\.(resample|time_conv)\./,
    'encoder.down_blocks.$1.downsampler.$2.',
  ],
  [/^encoder\.downsamples\.(\d+)\.downsamples\./, 'encoder.down_blocks.$1.resnets.'],
  [
    /^decoder\.upsamples\.(\d+)\.upsamples\.\d+\.(resample|time_conv)\./,
    'decoder.up_blocks.$1.upsampler.$2.',
  ],
  [/^decoder\.upsamples\.(\d+)\.upsamples\./, 'decoder.up_blocks.$1.resnets.'],
  // 2.1
  [/^encoder\.downsamples\./, 'encoder.down_blocks.'],
  ...levels,
  [/\.residual\.0\./, '.norm1.'],
  [/\.residual\.2\./, '.conv1.'],
  [/\.residual\.3\./, '.norm2.'],
  [/\.residual\.6\./, '.conv2.'],
  [/\.shortcut\./, '.conv_shortcut.'],
]
