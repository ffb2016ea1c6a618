/** From the names of Tencent's and of ComfyUI's code to diffusers' (diffusers `scripts/convert_hunyuan_video1_5_to_diffusers.py`). */
import type { Renames } from '../../src/weights/rename-tensors.ts'

/** ComfyUI's modules have other names than Tencent's files (`HunyuanVideo.process_unet_state_dict`), and it saves them. */
const comfyNames: Renames = [
  [/_attn\.(qkv|proj)\./, '_attn_$1.'],
  [/_attn\.norm\.(query|key)_norm\.(?:scale|weight)$/, '_attn_$1_norm.weight'],
  [/_attn_query_norm\./, '_attn_q_norm.'],
  [/_attn_key_norm\./, '_attn_k_norm.'],
  [/_mod\.lin\./, '_mod.linear.'],
  [/^(double_blocks\.\d+\.(?:img|txt)_mlp|txt_in\.individual_token_refiner\..*\.mlp)\.0\./, '$1.fc1.'],
  [/^(double_blocks\.\d+\.(?:img|txt)_mlp|txt_in\.individual_token_refiner\..*\.mlp)\.2\./, '$1.fc2.'],
  [/^(time_in|time_r_in|txt_in\.t_embedder)\.in_layer\./, '$1.mlp.0.'],
  [/^(time_in|time_r_in|txt_in\.t_embedder)\.out_layer\./, '$1.mlp.2.'],
  [/^txt_in\.c_embedder\.in_layer\./, 'txt_in.c_embedder.linear_1.'],
  [/^txt_in\.c_embedder\.out_layer\./, 'txt_in.c_embedder.linear_2.'],
]

const text = 'context_embedder.time_text_embed'

export const transformerNames: Renames = [
  ...comfyNames,
  [/^img_in\./, 'x_embedder.'],
  [/^time_in\.mlp\.0\./, 'time_embed.timestep_embedder.linear_1.'],
  [/^time_in\.mlp\.2\./, 'time_embed.timestep_embedder.linear_2.'],
  [/^time_r_in\.mlp\.0\./, 'time_embed.timestep_embedder_r.linear_1.'],
  [/^time_r_in\.mlp\.2\./, 'time_embed.timestep_embedder_r.linear_2.'],
  [/^cond_type_embedding\./, 'cond_type_embed.'],
  [/^txt_in\.t_embedder\.mlp\.0\./, `${text}.timestep_embedder.linear_1.`],
  [/^txt_in\.t_embedder\.mlp\.2\./, `${text}.timestep_embedder.linear_2.`],
  [/^txt_in\.c_embedder\./, `${text}.text_embedder.`],
  [/^txt_in\.input_embedder\./, 'context_embedder.proj_in.'],
  [/^txt_in\.individual_token_refiner\.blocks\./, 'context_embedder.token_refiner.refiner_blocks.'],
  [/(\.refiner_blocks\.\d+)\.self_attn_proj\./, '$1.attn.to_out.0.'],
  [/(\.refiner_blocks\.\d+)\.mlp\.fc1\./, '$1.ff.net.0.proj.'],
  [/(\.refiner_blocks\.\d+)\.mlp\.fc2\./, '$1.ff.net.2.'],
  [/(\.refiner_blocks\.\d+)\.adaLN_modulation\.1\./, '$1.norm_out.linear.'],
  [/^byt5_in\.layernorm\./, 'context_embedder_2.norm.'],
  [/^byt5_in\.fc([123])\./, 'context_embedder_2.linear_$1.'],
  [/^vision_in\.proj\.0\./, 'image_embedder.norm_in.'],
  [/^vision_in\.proj\.1\./, 'image_embedder.linear_1.'],
  [/^vision_in\.proj\.3\./, 'image_embedder.linear_2.'],
  [/^vision_in\.proj\.4\./, 'image_embedder.norm_out.'],
  [/^double_blocks\./, 'transformer_blocks.'],
  [/\.img_mod\.linear\./, '.norm1.linear.'],
  [/\.txt_mod\.linear\./, '.norm1_context.linear.'],
  [/\.img_attn_([qkv])\./, '.attn.to_$1.'],
  [/\.txt_attn_([qkv])\./, '.attn.add_$1_proj.'],
  [/\.img_attn_([qk])_norm\./, '.attn.norm_$1.'],
  [/\.txt_attn_([qk])_norm\./, '.attn.norm_added_$1.'],
  [/\.img_attn_proj\./, '.attn.to_out.0.'],
  [/\.txt_attn_proj\./, '.attn.to_add_out.'],
  [/\.img_mlp\.fc1\./, '.ff.net.0.proj.'],
  [/\.img_mlp\.fc2\./, '.ff.net.2.'],
  [/\.txt_mlp\.fc1\./, '.ff_context.net.0.proj.'],
  [/\.txt_mlp\.fc2\./, '.ff_context.net.2.'],
  [/^final_layer\.linear\./, 'proj_out.'],
]

/** Three projections that files have as one, and what they are called apart. */
export const joinedProjections = [
  { name: /\.self_attn_qkv\.(weight|bias)$/, apart: ['.attn.to_q.', '.attn.to_k.', '.attn.to_v.'] },
  { name: /\.img_attn_qkv\.(weight|bias)$/, apart: ['.attn.to_q.', '.attn.to_k.', '.attn.to_v.'] },
  {
    name: /\.txt_attn_qkv\.(weight|bias)$/,
    apart: ['.attn.add_q_proj.', '.attn.add_k_proj.', '.attn.add_v_proj.'],
  },
] as const

/** Shift and scale before the last projection, which diffusers has the other way round. */
export const lastModulation = /^final_layer\.adaLN_modulation\.1\.(weight|bias)$/

export const vaeNames: Renames = [
  [/^encoder\.down\.(\d+)\.block\./, 'encoder.down_blocks.$1.resnets.'],
  [/^encoder\.down\.(\d+)\.downsample\./, 'encoder.down_blocks.$1.downsamplers.0.'],
  [/^decoder\.up\.(\d+)\.block\./, 'decoder.up_blocks.$1.resnets.'],
  [/^decoder\.up\.(\d+)\.upsample\./, 'decoder.up_blocks.$1.upsamplers.0.'],
  [/\.mid\.block_1\./, '.mid_block.resnets.0.'],
  [/\.mid\.block_2\./, '.mid_block.resnets.1.'],
  [/\.mid\.attn_1\.([qkv])\./, '.mid_block.attentions.0.to_$1.'],
  [/\.mid\.attn_1\./, '.mid_block.attentions.0.'],
]
